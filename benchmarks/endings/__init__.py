"""Does the sound of a pause say whether the speaker has finished? What `callbridge.speech.prosody`
says about recordings of people, beside smart-turn's network where that is installed.

    python -m benchmarks.endings [--final] [--write] [--smart-turn] [--json]

Judged is every speaker by weights that were learnt from the other ones. `--write` learns from all
of them, and writes the weights beside the module. A third of each speaker's recordings is left for
`--final`, which judges the weights that are there; nothing is learnt from it. That third of the
English prompts is the one of `benchmarks.answers`.

Ends and pauses are treated alike before anything is learnt: cut and faded by chance, as long, as
loud, on the same lines. Recordings are read where Debian's packages put them (`material.py`)."""
