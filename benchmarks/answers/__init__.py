"""Turn-taking on real human speech: how long callers wait for an answer, how often they are cut
into, and what stops a bot that speaks.

    python -m benchmarks.answers [--json] [--plot FILE] [--final] [--heard FILE] [--only overlaps]
        [--peer PYTHON] [--language es]

Every turn is a call through the whole bridge in virtual time, with the offline engines, whose work
takes as long as was declared once (`calls.py`): so a second run gives the same figures, however
busy the machine is. What is judged is the recording of the call alone (`judging.py`); only the
words that were lost are read off what the bot was told.

The recordings are Debian's prompts of a telephone exchange, the test data of a recogniser, and the
reading that the recogniser's wheel brings; none is part of this repository. `gaps.json` says where
their words part, and where the words so far could be all: times that a forced alignment gave
(pocketsphinx 5.1, moved to the quietest 10 ms near by), and marks that a person made. Which of them
are used, and where a pause is put in, is chosen by a seed; a third of the material is left for
`--final`, for figures that nobody has tuned anything to.

With `--peer` the same callers talk to bots of another framework (`peers.py`). With `--language`
they speak Spanish, French or Russian, which no recogniser here knows (`oracle.py`).

Recognition takes nearly all of the time. With `--heard` its texts are kept in a file, and a run
recognises only what no run before has heard."""
