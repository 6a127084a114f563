"""The options every comparison of a pair has: mu, boundary and temperature."""

from __future__ import annotations

import argparse

from akl_viz.records import BOUNDARIES, Settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """--mu, --boundary and --temperature."""
    defaults = Settings()
    parser.add_argument("--mu", type=float, default=defaults.mu, help="teacher mass of the head (default 0.5)")
    parser.add_argument(
        "--boundary",
        choices=BOUNDARIES,
        default=defaults.boundary,
        help="below: largest prefix with mass <= mu, at least one token (default); reach: smallest with mass >= mu",
    )
    parser.add_argument("--temperature", type=float, default=defaults.temperature, help="of both models (default 1)")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """What they say. Raises InvalidInput for a value outside its range."""
    return Settings(arguments.mu, arguments.boundary, arguments.temperature)
