"""Who answers in the demo: simulated people of stated skill, or voters who give real people's answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from goldloop.adapters.label_studio.project import Projects
from goldloop.core.samples import SampleId
from goldloop.services import LabelStudioEndpoint
from scripts.demo_loop import people
from scripts.demo_loop.labelled import LabelledSample, LabelledSamples
from scripts.demo_loop.people import Character, Person
from scripts.demo_loop.replay import replay

Samples = Mapping[SampleId, LabelledSample]
Asked = Iterator[tuple[str | None, float]]
"""Blind answers to one sample of one person after the other, None for a skip, and their seconds."""


class Team(Protocol):
    """Who labels, and who decides disputes."""

    @property
    def annotators(self) -> Sequence[Character]:
        """Who labels."""

    @property
    def adjudicators(self) -> Sequence[Character]:
        """Who decides disputes; empty where annotators do, each where they have not answered."""

    def work(
        self, server: LabelStudioEndpoint, project_id: int, who: Sequence[Person], samples: Samples
    ) -> int:
        """Let `who` answer in a project until nobody can answer more; return the number of answers."""

    def asked(self, sample: LabelledSample, row: int) -> Asked:
        """Yield blind answers to the sample in place `row`, by another first person for the next row."""


_TEAMS: Mapping[str, tuple[Sequence[Character], Sequence[Character]]] = {
    "image": (people.CREW, (people.SENIOR,)),
    "text": (people.MODERATORS, (people.LEAD,)),
    "records": (people.ANALYSTS, (people.CHIEF,)),
}
"""Who annotates samples of a kind, and who decides disputes."""


class SimulatedTeam:
    """Simulated annotators of a kind of samples, and an adjudicator. Satisfies `Team`."""

    annotators: Sequence[Character]
    adjudicators: Sequence[Character]

    def __init__(self, samples: LabelledSamples[Any], seed: int) -> None:
        self.annotators, self.adjudicators = _TEAMS.get(samples.kind, _TEAMS["image"])
        self._labels, self._seed = samples.labels, seed
        self._mistaken = people.confusions(samples.labels)

    def work(
        self, server: LabelStudioEndpoint, project_id: int, who: Sequence[Person], samples: Samples
    ) -> int:
        """Let `who` take the next task in turn; return the number of answers."""
        return people.work(server, project_id, who, samples, self._labels, seed=self._seed)

    def asked(self, sample: LabelledSample, row: int) -> Asked:
        """Yield what one annotator after the other says."""
        for turn in range(len(self.annotators)):
            who = self.annotators[(row + turn) % len(self.annotators)]
            yield people.blind_answer(who, sample, self._mistaken, seed=self._seed)


class VoterTeam:
    """A user for each real annotator of the votes; they also decide, where they have not answered yet.

    Satisfies `Team`.
    """

    def __init__(self, samples: LabelledSamples[Any], seed: int) -> None:
        voters = enumerate(samples.voters)
        self.annotators: Sequence[Character] = [
            Character(name, place, 1.0, pace_s=people.READING_S) for place, name in voters
        ]
        self.adjudicators: Sequence[Character] = ()
        self._seed = seed

    def work(
        self, server: LabelStudioEndpoint, project_id: int, who: Sequence[Person], samples: Samples
    ) -> int:
        """Let `who` answer what they have a vote for; return the number of answers."""
        return replay(server, project_id, who, samples, seed=self._seed)

    def asked(self, sample: LabelledSample, row: int) -> Asked:
        """Yield the votes for the sample in an order of chance."""
        random = np.random.default_rng([self._seed, int(sample.sample_id[12:24], 16)])
        voters = [who for who in self.annotators if who.name in sample.votes]
        for place in random.permutation(len(voters)).tolist():
            yield sample.votes[voters[place].name], people.working_s(voters[place], random)


def team_of(samples: LabelledSamples[Any], seed: int) -> Team:
    """Return voters where the samples have votes, else simulated people."""
    return VoterTeam(samples, seed) if samples.voters else SimulatedTeam(samples, seed)


class Staff:
    """A team with accounts on a server, for the projects of one workspace."""

    def __init__(
        self, team: Team, server: LabelStudioEndpoint, projects: Projects, samples: LabelledSamples[Any]
    ) -> None:
        self._team, self._server, self._projects = team, server, projects
        self._known = {one.sample_id: one for one in samples.pool}
        self.annotators = people.hire(server, team.annotators)
        self._adjudicators = people.hire(server, team.adjudicators) or self.annotators

    def label(self) -> int:
        """Let annotators answer until nobody can answer more; return the number of answers."""
        return self._team.work(self._server, self._projects.main, self.annotators, self._known)

    def decide(self) -> int:
        """Let disputes be decided as far as anybody can; return the number of decisions."""
        return self._team.work(self._server, self._projects.adjudication, self._adjudicators, self._known)
