"""Settings: every value a user may set, frozen, valid once constructed, without any secret."""

from goldloop.settings.annotation import AnnotatorSettings, ConsensusSettings, SuggestionSettings
from goldloop.settings.model import PRESETS, GateSettings, ModelSettings
from goldloop.settings.operations import ScheduleSettings, ServiceSettings
from goldloop.settings.root import ALONE, Settings
from goldloop.settings.routing import CostSettings, PolicySettings, SelectionSettings
from goldloop.settings.section import Section

__all__ = [
    "ALONE",
    "PRESETS",
    "AnnotatorSettings",
    "ConsensusSettings",
    "CostSettings",
    "GateSettings",
    "ModelSettings",
    "PolicySettings",
    "ScheduleSettings",
    "Section",
    "SelectionSettings",
    "ServiceSettings",
    "Settings",
    "SuggestionSettings",
]
