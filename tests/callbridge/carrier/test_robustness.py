"""Whatever a customer sends, the carrier answers and keeps working."""

import json
import random

from callbridge.carrier.api.operations import OPERATIONS
from tests.callbridge.carrier.line import CLEAR, KEY, SELF, Line, mark, media, tone, ulaw

ROUNDS = 10_000


def mangled(rng: random.Random, text: str) -> str:
    """A frame with a few characters dropped, doubled or replaced."""
    chars = list(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(chars))
        match rng.randrange(3):
            case 0:
                chars[at] = ""
            case 1:
                chars[at] *= 2
            case _:
                chars[at] = chr(rng.choice((0, 34, 92, 123, 125, 0x7F, 0xFFFF, rng.randrange(256))))
    return "".join(chars) or "x"


def test_ten_thousand_malformed_frames_leave_the_stream_working() -> None:
    rng = random.Random(7)
    line = Line()
    call = line.streaming()
    samples = [CLEAR, mark("m"), media(ulaw(tone(20))), media(b""), "null", '{"event":5}']
    for _ in range(ROUNDS):
        text = mangled(rng, rng.choice(samples))
        line.switch.stream_received(line.opened[0].stream_id, text, line.now)
        line.switch.effects()
    line.frames.clear()
    line.send(CLEAR)
    line.frames.clear()
    line.send(media(ulaw(tone(60))))
    line.send(mark("still here"))
    line.tick(4)
    assert line.marks() == ["still here"]
    assert line.report(call).stream_errors > 5000


def anything(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(9 if depth < 2 else 6)
    match kind:
        case 0:
            return None
        case 1:
            return rng.choice((True, False))
        case 2:
            return rng.choice((0, -1, 2**70, 8000, 30, 1.5))
        case 3:
            return rng.choice(("", "self", "PCMU", "aGk=", "ws://a/", "http://a/", "+13125550199"))
        case 4:
            return "".join(chr(rng.randrange(1, 0x800)) for _ in range(rng.randrange(8)))
        case 5:
            return []
        case 6:
            return [anything(rng, depth + 1) for _ in range(3)]
        case _:
            return {str(anything(rng, 2)): anything(rng, depth + 1) for _ in range(3)}


def test_ten_thousand_random_requests_are_all_answered() -> None:
    rng = random.Random(11)
    line = Line(speaks=True)
    names = sorted({name for each in OPERATIONS for name in each.parameters()})
    paths = ["", "/v2", "/v2/nonsense", *(f"/v2{each.facts().path}" for each in OPERATIONS)]
    statuses: set[int] = set()
    call = line.ring()
    for number in range(ROUNDS):
        if number % 50 == 0:
            call = line.ring()
            line.command(call, "answer")
            line.tick()
        body = json.dumps({rng.choice(names): anything(rng) for _ in range(rng.randrange(6))})
        raw = mangled(rng, body).encode("utf-8", "replace") if number % 3 == 0 else body.encode()
        path = rng.choice(paths).replace("{call_control_id}", call).replace("{id}", "1684")
        query = rng.choice(("", "", "?page[number]=0&page[size]=a", "?filter[a][b]=c&filter[a]=d"))
        method = rng.choice(("POST", "POST", "PUT", "GET", "DELETE"))
        response = line.switch.request(method, path + query, raw, f"Bearer {KEY}", line.now)
        statuses.add(response.status)
        assert ("errors" in response.body) == (response.status >= 400)
        json.dumps(response.body)
        line.switch.effects()
    assert statuses == {200, 400, 404, 405, 422}
    call = line.streaming(params=SELF)
    line.send(mark("still here"))
    assert line.marks() == ["still here"]
