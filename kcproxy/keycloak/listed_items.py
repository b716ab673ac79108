"""The items of a list in a request body, and what each of them names."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.permissions.model import CLIENTS

_IN_LIST = "[]."


class ListedItem(NamedTuple):
    """An item of a list in the body: the names or IDs that it has, by place, and those places that are about the client of its role."""

    names: Mapping[ObjectPlace, str]
    of_client: tuple[ObjectPlace, ...]
    body: Any


def listed_items(places: Iterable[ObjectPlace], body: Any) -> list[ListedItem]:
    """The items of the list that the body is or has; equal ones once. None if the body has no list that a place is about."""
    in_list = [place for place in places if place.body is not None and place.body.startswith(_IN_LIST)]
    if in_list and isinstance(body, list):
        clients = tuple(place for place in in_list if place.type == CLIENTS)
        made = [
            ListedItem(names={place: name for place in in_list if (name := _in_item(place, item))}, of_client=clients, body=item)
            for item in body
        ]
        return list({tuple(sorted(each.names.values())): each for each in made}.values())
    lists = {
        place: body[place.body] for place in places if place.body and isinstance(body, dict) and isinstance(body.get(place.body), list)
    }
    names = {(place, name): None for place, items in lists.items() for name in items if isinstance(name, str) and name}
    return [ListedItem(names={place: name}, of_client=(), body=None) for place, name in names]


def _in_item(place: ObjectPlace, item: Any) -> str | None:
    value = item.get((place.body or "").removeprefix(_IN_LIST)) if isinstance(item, dict) else None
    return value if isinstance(value, str) and value else None
