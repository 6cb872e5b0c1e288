"""The search: which runs are wanted next, given the outcomes so far. It depends on the outcomes and on nothing else.

Candidates are looked at first, without a training; what breaks a limit is out. The others go, cheapest first and some
at a time, up the rungs, and from each only those whose interval can still meet the requirement. Of those that seem to
meet it the cheapest is put to the proof on test chips, then the next one. What is dearer than a chip that was proved is
never trained.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from soensim.errors import SoensimError, StudyError
from soensim.search.design import Design
from soensim.search.estimate import Estimate, estimate
from soensim.search.proof import Proof, proof_of
from soensim.search.proposals import Proposer, make_proposer
from soensim.search.runs import Candidate, RunSource
from soensim.study.design import Point
from soensim.study.run import Measured, Outcome, Run
from soensim.study.study import PLACE_OF_CHIP

State = Literal["open", "excluded", "failed", "missed", "unproved", "winner"]
Outcomes = Mapping[str, Outcome]


@dataclass
class Standing:
    """How far a candidate came.

    Attributes
    ----------
    candidate
        Which.
    state
        `open`: nothing speaks against it so far; `excluded`: by a limit or a rule, without a training; `failed`: it
        cannot be trained or scored; `missed`: the requirement, on validation samples; `unproved`: its test chips did
        not show it; `winner`.
    reason
        Why it was excluded or failed.
    costs
        By name; empty of a chip that is not legal.
    rungs
        Number of rungs that it has been on.
    estimate
        On the last of them.
    proof
        Of its test chips.
    """

    candidate: Candidate
    state: State = "open"
    reason: str = ""
    costs: Mapping[str, Measured] = field(default_factory=dict)
    rungs: int = 0
    estimate: Estimate | None = None
    proof: Proof | None = None

    def drop(self, state: State, reason: str) -> None:
        """Take it out of the search."""
        self.state, self.reason = state, reason


@dataclass(frozen=True)
class Answer:
    """What a search found.

    Attributes
    ----------
    standings
        All candidates, from cheap to expensive, those without costs last.
    winner
        The cheapest that was proved; None where none was.
    nearest
        Without a winner the candidate that came nearest; None where none was trained.
    proofs
        Number of candidates whose proof was tried.
    """

    standings: tuple[Standing, ...]
    winner: Standing | None
    nearest: Standing | None
    proofs: int


Steps = Generator[list[Run], Outcomes, Answer]


class Search:
    """A search at work; `more` is what the engine asks for runs.

    Parameters
    ----------
    design, source
        What is searched, and what makes its runs.

    Raises
    ------
    SoensimError
        No candidate is legal as far as its settings show it.
    """

    def __init__(self, design: Design, source: RunSource) -> None:
        self._table = Table(design, source)
        self._steps = search(design, self._table)
        self.answer: Answer | None = None
        self.runs: list[Run] = next(self._steps)
        """Runs that are wanted now."""

    @property
    def standings(self) -> list[Standing]:
        """All candidates so far, from cheap to expensive, those without costs last."""
        return self._table.by_cost()

    def more(self, outcomes: Outcomes) -> Sequence[Run]:
        """Return the runs that are wanted, given all outcomes so far."""
        while self.answer is None and all(run.key in outcomes for run in self.runs):
            try:
                self.runs = self._steps.send(outcomes)
            except StopIteration as end:
                self.answer = end.value
        return [] if self.answer is not None else self.runs


def search(design: Design, table: Table) -> Steps:
    """Search; yields the runs that it needs, is sent outcomes with theirs among them, and returns the answer."""
    if design.draw is not None and design.draw.by == "optuna":
        yield from table.propose(make_proposer(design.factors, design.draw))
    else:
        yield from table.look([table.enter(point) for point in design.points])
    table.refuse_illegal()
    waiting = [one for one in table.by_cost() if one.state == "open"]
    winner = None
    for place in range(0, len(waiting), design.wave):
        wave = waiting[place : place + design.wave]
        yield from table.climb(wave)
        winner = yield from table.prove(wave)
        if winner is not None or table.proofs == design.proofs:
            break
    else:
        winner = yield from table.try_nearest()
    table.settle()
    return Answer(tuple(table.by_cost()), winner, None if winner else table.nearest(), table.proofs)


class Table:
    """All candidates, and what becomes of them."""

    def __init__(self, design: Design, source: RunSource) -> None:
        self._design, self._source = design, source
        self._standings: list[Standing] = []
        self.proofs = 0

    def enter(self, point: Point) -> Standing:
        """Enter a candidate."""
        standing = Standing(Candidate(len(self._standings), point))
        self._standings.append(standing)
        return standing

    def by_cost(self) -> list[Standing]:
        """Return all from cheap to expensive; of equally expensive ones the first of the space comes first."""
        return sorted(self._standings, key=lambda one: (self._cost(one), one.candidate.number))

    def _cost(self, one: Standing) -> float:
        cost = one.costs.get(self._design.least)
        return float("inf") if cost is None else float(cost)

    def look(self, new: Sequence[Standing]) -> Generator[list[Run], Outcomes, None]:
        """Find the costs of candidates, and take those out that are not legal or break a limit."""
        runs: dict[int, Run] = {}
        for one in new:
            try:
                runs[one.candidate.number] = self._source.look(one.candidate)
            except SoensimError as error:
                one.drop("excluded", error.in_one_line)
        outcomes = (yield list(runs.values())) if runs else {}
        for one in new:
            if one.candidate.number in runs:
                self._judge_look(one, outcomes[runs[one.candidate.number].key])

    def _judge_look(self, one: Standing, outcome: Outcome) -> None:
        if outcome.error is not None:
            one.drop("failed" if outcome.lost else "excluded", PLACE_OF_CHIP.sub("", outcome.error))
            return
        one.costs = outcome.measures
        for name in self._design.costs:
            value, limit = one.costs[name], self._design.limits.get(name)
            if value is None:
                one.drop("excluded", f"{name} is not known of this chip")
                return
            if limit is not None and value > limit:
                one.drop("excluded", f"{name} is {value:.6g}, above {limit:g}")
                return

    def refuse_illegal(self) -> None:
        """Refuse a space without a legal chip: it is a mistake in the file, and no answer."""
        if all(one.state == "excluded" and not one.costs for one in self._standings):
            first = self._standings[0]
            count = len(self._standings)
            raise StudyError(f"none of {count} candidates is a legal chip; the first is not, because: {first.reason}")

    def climb(self, wave: Sequence[Standing]) -> Generator[list[Run], Outcomes, None]:
        """Take candidates up all rungs that they have not been on."""
        for place in range(len(self._design.rungs)):
            yield from self._step(wave, place)

    def _step(self, wave: Sequence[Standing], place: int) -> Generator[list[Run], Outcomes, None]:
        rung = self._design.rungs[place]
        trained = [one for one in wave if one.state == "open" and one.rungs <= place]
        runs = {one.candidate.number: self._source.trainings(one.candidate, rung) for one in trained}
        outcomes = (yield [run for each in runs.values() for run in each]) if runs else {}
        for one in trained:
            ended = [(run, outcomes[run.key]) for run in runs[one.candidate.number]]
            found = estimate(self._design.goal, ended)
            if found is None:
                one.drop("failed", ended[0][1].error or "")
                continue
            one.estimate, one.rungs = found, place + 1
            if not found.can_meet(self._design.goal, rung):
                one.drop("missed", "")

    def prove(self, wave: Sequence[Standing]) -> Generator[list[Run], Outcomes, Standing | None]:
        """Put those that seem to meet the requirement to the proof, the cheapest first; return the first that does."""
        goal = self._design.goal
        for one in wave:
            found = one.estimate
            if one.state != "open" or found is None or not found.seems_to_meet(goal):
                continue
            if self.proofs == self._design.proofs:
                return None
            run = self._source.proof(one.candidate, found.seed)
            outcome = (yield [run])[run.key]
            self.proofs += 1
            if outcome.error is not None:
                one.drop("failed", outcome.error)
                continue
            one.proof = proof_of(goal, outcome)
            if one.proof.met:
                one.state = "winner"
                return one
            one.state = "unproved"
        return None

    def try_nearest(self) -> Generator[list[Run], Outcomes, Standing | None]:
        """Train the nearest candidate in full where none came to the last rung, so that the answer is of a chip."""
        one = self.nearest()
        if one is None or one.rungs == len(self._design.rungs):
            return None
        for place in range(one.rungs, len(self._design.rungs)):
            one.state = "open"
            yield from self._step([one], place)
        return (yield from self.prove([one]))

    def nearest(self) -> Standing | None:
        """Return which came nearest: proved by most chips, else on the highest rung with the largest value."""

        def rank(one: Standing) -> tuple[float, float, float]:
            lower = -1.0 if one.proof is None else one.proof.lower
            value = -1.0 if one.estimate is None else one.estimate.value
            return lower, one.rungs, value

        trained = [one for one in self.by_cost() if one.estimate is not None]
        return max(trained, key=rank, default=None)

    def settle(self) -> None:
        """Say of those that were on all rungs and still can meet the requirement that they missed it."""
        for one in self._standings:
            found = one.estimate
            last = found is not None and one.rungs == len(self._design.rungs)
            if one.state == "open" and last and found is not None and not found.seems_to_meet(self._design.goal):
                one.drop("missed", "")

    def propose(self, proposer: Proposer) -> Generator[list[Run], Outcomes, None]:
        """Let a sampler choose candidates, a wave at a time, which it is told the first rung's result of."""
        known: dict[str, Standing] = {}
        while batch := proposer.ask(self._design.wave):
            names = [repr(sorted(point.levels.items())) for point in batch]
            new = {name: point for name, point in zip(names, batch, strict=True) if name not in known}
            entered = {name: self.enter(point) for name, point in new.items()}
            known |= entered
            yield from self.look(list(entered.values()))
            yield from self._step(list(entered.values()), 0)
            proposer.tell([self._score(known[name]) for name in names])

    def _score(self, one: Standing) -> float:
        """Score a candidate, less being better: what may meet the requirement by its cost, else by what is missing."""
        if one.estimate is None:
            return 3.0
        if one.state == "open":
            return self._cost(one) / (1 + self._cost(one))
        return 1 + max(0.0, self._design.goal.least - one.estimate.value)
