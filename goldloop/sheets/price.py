"""The price of a sheet: what it costs to look at a picture on a sheet, and on a page of its own."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.stats.metrics import Flags, Floats


@dataclass(frozen=True, slots=True)
class Looking:
    """One way of looking at pictures: its `seconds` a picture, and what comes of right and wrong suggestions.

    `missed` is the share of wrong suggestions that are left as they are, `false_alarms` the share of right
    ones that are not.
    """

    seconds: float
    missed: float
    false_alarms: float = 0.0


@dataclass(frozen=True, slots=True)
class SheetPrices:
    """What decides for a sheet: the price of a `minute` of an annotator's time, and the two ways of looking.

    A share `planted` of the pictures on a sheet is known already. A share `twins` of the others is asked
    again singly, and so is every clicked one.
    """

    minute: float
    on_sheet: Looking
    singly: Looking
    planted: float
    twins: float

    def on_sheets(self, is_wrong: Floats, error_costs: Floats) -> Floats:
        """Return what each of n pictures is expected to cost on a sheet, (n,), in currency.

        `is_wrong` (n,) are the probabilities that the suggestion is wrong. `error_costs` (n,) is what it is
        expected to cost to take each sample for the suggestion, such as `ErrorCosts.expected` gives.
        """
        sheet, second = self.on_sheet, self.minute / 60
        clicked = is_wrong * (1 - sheet.missed) + (1 - is_wrong) * sheet.false_alarms
        again = clicked + (1 - clicked) * self.twins
        seconds = sheet.seconds / (1 - self.planted) + again * self.singly.seconds
        return second * seconds + sheet.missed * error_costs

    def on_pages(self, error_costs: Floats) -> Floats:
        """Return what each of n pictures is expected to cost on a page of its own, (n,), in currency."""
        return self.minute / 60 * self.singly.seconds + self.singly.missed * error_costs

    def pays(self, is_wrong: Floats, error_costs: Floats) -> Flags:
        """Return for which of n pictures a sheet is expected to cost less than a page, (n,).

        A picture takes 0.5 s on a sheet and 3 s on a page, and an error costs 2 EUR: a sheet pays where the
        suggestion is wrong for one in twenty, not where it is wrong for one in three.

        >>> import numpy as np
        >>> prices = SheetPrices(0.5, Looking(0.5, 0.10), Looking(3.0, 0.05), planted=0.05, twins=0.10)
        >>> is_wrong = np.array([0.05, 0.33])
        >>> prices.pays(is_wrong, 2.0 * is_wrong).tolist()
        [True, False]
        """
        pays: Flags = self.on_sheets(is_wrong, error_costs) < self.on_pages(error_costs)
        return pays

    def verifies(self, is_wrong: Floats, error_costs: Floats) -> Flags:
        """Return for which of n labels that somebody gave a look on a sheet costs less than it saves, (n,).

        `is_wrong` (n,) are the probabilities that the label is wrong, `error_costs` (n,) what it is expected
        to cost to leave it. A clicked one is asked again singly.

        >>> import numpy as np
        >>> prices = SheetPrices(0.5, Looking(0.5, 0.10), Looking(3.0, 0.05), planted=0.05, twins=0.10)
        >>> is_wrong = np.array([0.001, 0.03])
        >>> prices.verifies(is_wrong, 2.0 * is_wrong).tolist()
        [False, True]
        """
        sheet = self.on_sheet
        clicked = is_wrong * (1 - sheet.missed) + (1 - is_wrong) * sheet.false_alarms
        seconds = sheet.seconds / (1 - self.planted) + clicked * self.singly.seconds
        verifies: Flags = self.minute / 60 * seconds < (1 - sheet.missed) * error_costs
        return verifies
