"""Read graphs for ComfyUI: what its "Export (API)" writes, with the places where an order goes in.

One file each, ours in `config/graphs`, the owner's over them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from quarterdeck.models.providers.capabilities import Row

FOLDER: Final = "graphs"
Place = Annotated[str, Field(pattern=r"^[^.\s]+\.inputs\.[A-Za-z0-9_]+$")]


class Node(Row):
    """Hold one node as ComfyUI's API wants it."""

    class_type: str = Field(min_length=1)
    inputs: dict[str, object] = Field(default_factory=dict)
    meta: dict[str, object] = Field(default_factory=dict, alias="_meta")


class Slots(Row):
    """Name where an order goes in, as NODE.inputs.NAME; several places where several nodes want the same."""

    prompt: tuple[Place, ...] = Field(min_length=1)
    seed: tuple[Place, ...] = ()
    width: tuple[Place, ...] = ()
    height: tuple[Place, ...] = ()
    count: tuple[Place, ...] = ()
    model: tuple[Place, ...] = ()
    """The checkpoint's file name."""
    image: tuple[Place, ...] = ()
    """The uploaded picture that is to be changed."""


class Graph(Row):
    """Describe one graph."""

    name: str = Field(min_length=1, max_length=80)
    slots: Slots
    checkpoints: str = "checkpoints"
    """The folder of ComfyUI that holds the files of the slot `model`."""
    change_with: str = ""
    """The graph that is used in place of this one when a picture is to be changed."""
    graph: dict[str, Node]

    @model_validator(mode="after")
    def _slots_are_there(self) -> Graph:
        for slot, places in self.slots:
            for place in places:
                node = self.graph.get(place.partition(".")[0])
                if node is None or place.rpartition(".")[2] not in node.inputs:
                    raise ValueError(f"the slot {slot} names {place!r}, which is not in the graph")
        return self

    def value(self, slot: str) -> object:
        """Return what stands in the first place of a slot, None where it has none."""
        places = getattr(self.slots, slot)
        if not places:
            return None
        id_, _, name = places[0].partition(".inputs.")
        return self.graph[id_].inputs[name]

    def filled(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Return the graph as the API takes it, with `values` by slot in their places."""
        nodes = {
            id_: {"class_type": node.class_type, "inputs": copy.deepcopy(node.inputs)}
            for id_, node in self.graph.items()
        }
        for slot, value in values.items():
            for place in getattr(self.slots, slot):
                id_, _, name = place.partition(".inputs.")
                nodes[id_]["inputs"][name] = value  # type: ignore[index]  # a map of the two keys above
        return nodes
