"""Planted faults and sound recipes for the audit, by someone who has not seen it."""

from __future__ import annotations

from neural.audit.planted_amounts import AMOUNTS
from neural.audit.planted_courses import COURSES
from neural.audit.planted_groups import GROUPS
from neural.audit.planted_records import Fault, Recipe
from neural.audit.planted_settings import SETTINGS
from neural.audit.planted_states import STATES
from neural.audit.planted_stock import RECIPES
from neural.audit.planted_stock_wrapped import WRAPPED

FAULTS: tuple[Fault, ...] = (*GROUPS, *SETTINGS, *AMOUNTS, *STATES, *COURSES)
STOCK: tuple[Recipe, ...] = (*RECIPES, *WRAPPED)
