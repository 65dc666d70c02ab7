"""What a bot holds: the facade, and nothing that would let it break the call."""

from callbridge import Call

OURS = {"close", "conversation", "drain", "on_key", "say_goodbye", "speeches", "transfers"}


def test_what_a_bot_must_not_touch_is_not_on_the_call() -> None:
    assert not OURS & set(dir(Call))
