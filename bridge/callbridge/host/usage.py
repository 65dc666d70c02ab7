"""The help of a command: whole at any width, its options in groups, brackets as they are."""

from typing import Any

from typer.core import TyperCommand, TyperGroup


class GroupedCommand(TyperCommand):
    """A command whose options say with `rich_help_panel` to which group they belong."""

    def get_short_help_str(self, limit: int = 0) -> str:
        """Of the list of commands: the whole first sentence."""
        return first_sentence(self.help)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                plain = "Arguments" if param.param_type_name == "argument" else "Options"
                group = getattr(param, "rich_help_panel", None) or plain
                groups.setdefault(group, []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


class ListedOnce(TyperGroup):
    """A command that has others below it; in the list of commands, its first sentence."""

    def get_short_help_str(self, limit: int = 0) -> str:
        return first_sentence(self.help)


class ListedGroup(ListedOnce):
    """Commands of one kind of thing: without a verb, the things are listed, or the one of
    an id is shown."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        elif ":" in args[0]:  # no verb has one, whole ids do
            args = ["show", *args]
        return super().parse_args(ctx, args)


# How `callbridge --help` lists the commands.
ORDER = (
    "run", "serve", "new", "talk", "carrier", "call", "dial", "calls", "conference", "queue",
    "desk", "demo", "probe", "bench",
)  # fmt: skip


class OrderedGroup(TyperGroup):
    """The whole command line: typer would list groups before commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)


def first_sentence(help: str | None) -> str:
    return " ".join((help or "").split("\n\n")[0].split())
