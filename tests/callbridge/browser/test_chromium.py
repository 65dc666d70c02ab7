"""The browser of the tests is a real one and hears the file that it is given."""

from pathlib import Path

from tests.callbridge.browser.chromium import Chromium, Microphone, write_microphone
from tests.callbridge.carrier.line import tone
from tests.callbridge.carrier.live import carrier

NO_MICROPHONE: dict[Microphone, str] = {
    "refused": "NotAllowedError",
    "missing": "NotFoundError",
}
LOUDEST = """async () => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  for (let look = 0; look < 60 && loudest < 0.2; look += 1) {
    await new Promise((then) => setTimeout(then, 50));
    analyser.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples);
  }
  return loudest;
}"""


async def test_the_microphone_says_what_is_in_the_file(chromium: Chromium, tmp_path: Path) -> None:
    file = write_microphone(tmp_path / "tone.wav", tone(3000), 8000)
    person = await chromium.person(file)
    async with carrier() as live:
        page = await person.new_page()
        await page.goto(f"{live.http.base_url}/carrier/public_key")
        assert 0.2 < await page.evaluate(LOUDEST) < 0.3  # a sine of 8000


async def test_a_microphone_can_be_refused_or_missing(chromium: Chromium) -> None:
    async with carrier() as live:
        for microphone, name in NO_MICROPHONE.items():
            person = await chromium.person(microphone)
            page = await person.new_page()
            await page.goto(f"{live.http.base_url}/carrier/public_key")
            said = "navigator.mediaDevices.getUserMedia({audio: true}).catch(({name}) => name)"
            assert await page.evaluate(said) == name
