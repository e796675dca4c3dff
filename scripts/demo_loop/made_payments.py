"""Payments that the demo simulates: customers, merchants, and frauds of three kinds; nothing here is real.

Fields are what was known when a payment arrived, such as the payments of the hour before. Some genuine
payments look like frauds, as people travel and buy new phones, and some frauds look like nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from scripts.demo_loop.payments import Chargeback, Payments, Row, payments_of

N_PAYMENTS, N_DAYS = 6000, 90
PER_CUSTOMER, PER_MERCHANT = 12, 60  # payments, so that a history says something
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
FRAUD_SHARE = 0.018
KINDS = {"stolen number": 0.55, "takeover": 0.25, "cloned card": 0.20}
"""The kinds of fraud and their shares; cards are cloned from day CLONED_FROM on only."""
CLONED_FROM = 35
COUNTRIES = ("ES", "PT", "FR", "DE", "IT", "RO", "US")
PRICES = {
    "grocery": 25.0,
    "fuel": 45.0,
    "restaurant": 35.0,
    "fashion": 60.0,
    "electronics": 140.0,
    "travel": 220.0,
    "games": 20.0,
    "gift cards": 70.0,
}
"""Categories of merchants and the median amount of a payment there, in EUR."""
RESOLD = ("electronics", "gift cards", "travel", "fashion")  # what is bought with stolen money

REPORTED = 0.93
"""Share of frauds whose customer asks the money back; the others are never heard of."""
DISPUTED = 0.0006  # share of genuine payments that an honest customer disputes
DELAY_DAYS = 24.0  # median days from a payment to its chargeback
_SPREAD = 0.6  # of the logarithm of that delay


@dataclass(frozen=True, slots=True)
class _Customer:
    name: str
    country: str
    factor: float  # of the prices of merchants
    age_days: int  # of the account on the first day
    is_traveller: bool


@dataclass(frozen=True, slots=True)
class _Event:
    """A payment without its history."""

    minute: float
    customer: _Customer
    merchant: tuple[str, str]  # name and category
    amount: float
    country: str
    channel: str
    is_new_device: bool
    is_reset: bool
    kind: str = ""


@dataclass(slots=True)
class _History:
    minutes: list[float] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)
    merchants: list[str] = field(default_factory=list)

    def add(self, event: _Event) -> None:
        self.minutes.append(event.minute)
        self.amounts.append(event.amount)
        self.merchants.append(event.merchant[0])

    def since(self, minute: float) -> list[float]:
        """Return the amounts of the payments since `minute`."""
        return self.amounts[bisect_left(self.minutes, minute) :]


def made_payments(*, seed: int, n: int | None = None) -> Payments:
    """Return `n` payments (default N_PAYMENTS) in the order of their times; the same for the same seed."""
    random = np.random.default_rng([seed, 12])
    wanted = n or N_PAYMENTS
    customers = _customers(max(20, wanted // PER_CUSTOMER), random)
    merchants = [
        (f"shop {number:03d}", str(random.choice(list(PRICES))))
        for number in range(max(24, wanted // PER_MERCHANT))
    ]
    events: list[_Event] = []
    while len(events) < round(wanted * FRAUD_SHARE):
        events += _frauds(customers, merchants, random)
    while len(events) < wanted:
        events.append(_genuine(customers, merchants, random))
    events = sorted(events[:wanted], key=lambda one: one.minute)
    histories: dict[str, _History] = defaultdict(_History)
    rows: list[tuple[str, Row, Chargeback | None]] = []
    for number, event in enumerate(events):
        history = histories[event.customer.name]
        label = "fraud" if event.kind else "genuine"
        rows.append((label, _row(number, event, history), _chargeback(event, random)))
        history.add(event)
    return payments_of(rows)


def _customers(n: int, random: np.random.Generator) -> list[_Customer]:
    return [
        _Customer(
            f"customer {number:04d}",
            str(random.choice(COUNTRIES, p=(0.62, 0.12, 0.08, 0.08, 0.05, 0.03, 0.02))),
            float(random.lognormal(0.0, 0.35)),
            int(random.exponential(700)) + 1,
            bool(random.random() < 0.08),
        )
        for number in range(n)
    ]


def _minute(random: np.random.Generator, first_day: int = 0) -> float:
    hour = random.normal(14.5, 4.5) % 24
    return float((first_day + int(random.integers(N_DAYS - first_day))) * 1440 + 60 * hour)


def _genuine(
    customers: list[_Customer], merchants: list[tuple[str, str]], random: np.random.Generator
) -> _Event:
    who = customers[int(random.integers(len(customers)))]
    favourite = random.random() < 0.6
    place = (
        (hash_of(who.name) + int(random.integers(5))) if favourite else int(random.integers(len(merchants)))
    )
    merchant = merchants[place % len(merchants)]
    is_away = random.random() < (0.4 if who.is_traveller else 0.04)
    return _Event(
        _minute(random),
        who,
        merchant,
        _amount(PRICES[merchant[1]] * who.factor, 0.6, random),
        str(random.choice(COUNTRIES)) if is_away else who.country,
        str(random.choice(("card present", "online", "wallet"), p=(0.4, 0.45, 0.15))),
        bool(random.random() < 0.14),
        bool(random.random() < 0.03),
    )


def _frauds(
    customers: list[_Customer], merchants: list[tuple[str, str]], random: np.random.Generator
) -> list[_Event]:
    """Return the payments of one fraudster: one to three within two hours."""
    who = customers[int(random.integers(len(customers)))]
    kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
    resold = [one for one in merchants if one[1] in RESOLD] or merchants
    is_careful = random.random() < 0.35  # buys as the customer would
    begin = _minute(random, CLONED_FROM if kind == "cloned card" else 0)
    abroad = str(random.choice([one for one in COUNTRIES if one != who.country]))
    made = []
    for turn in range(1 if is_careful else int(random.integers(1, 4))):
        merchant = (merchants if is_careful else resold)[
            int(random.integers(len(merchants if is_careful else resold)))
        ]
        made.append(
            _Event(
                begin + turn * float(random.uniform(3, 90)),
                who,
                merchant,
                _amount(PRICES[merchant[1]] * (1.0 if is_careful else 1.4), 0.6, random),
                who.country if is_careful or kind == "takeover" else abroad,
                "card present" if kind == "cloned card" else "online",
                bool(random.random() < (0.3 if kind == "cloned card" or is_careful else 0.7)),
                bool(random.random() < (0.75 if kind == "takeover" else 0.05)),
                kind,
            )
        )
    return made


def hash_of(name: str) -> int:
    """Return a number that is the same for a name in every process."""
    return int.from_bytes(name.encode()) % 9973


def _amount(median: float, spread: float, random: np.random.Generator) -> float:
    return round(float(median * random.lognormal(0.0, spread)), 2) + 0.5


def _row(number: int, event: _Event, history: _History) -> dict[str, Any]:
    usual = sum(history.amounts) / len(history.amounts) if history.amounts else None
    return {
        "id": f"made-{number:06d}",
        "at": (BEGIN + timedelta(minutes=event.minute)).isoformat(timespec="seconds"),
        "customer": event.customer.name,
        "merchant": event.merchant[0],
        "category": event.merchant[1],
        "country": event.country,
        "channel": event.channel,
        "amount": round(event.amount, 2),
        "account_age_days": event.customer.age_days + int(event.minute // 1440),
        "is_abroad": event.country != event.customer.country,
        "is_new_device": event.is_new_device,
        "password_reset_24h": event.is_reset,
        "payments_1h": len(history.since(event.minute - 60)),
        "amount_24h": round(sum(history.since(event.minute - 1440)), 2),
        "amount_over_usual": None if usual is None else round(event.amount / usual, 2),
        "times_at_merchant": history.merchants.count(event.merchant[0]),
    }


def _chargeback(event: _Event, random: np.random.Generator) -> Chargeback | None:
    """Return when the money is asked back, weeks later; most genuine payments never are."""
    is_asked, delay = random.random(), float(random.lognormal(np.log(DELAY_DAYS), _SPREAD))
    if is_asked >= (REPORTED if event.kind else DISPUTED):
        return None
    observed = BEGIN + timedelta(minutes=event.minute, days=delay)
    return Chargeback(
        observed, observed + timedelta(days=float(random.uniform(0.5, 3))), is_honest=not event.kind
    )
