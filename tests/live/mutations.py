# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which one field of a good reply can be missing: what the reply mutation tests go through.

    for name, broken in mutations.of_json(reply):
        assert run(broken).state != "OK" or name in NOT_NEEDED, name

Each generator yields (name, reply): the name says where and what, the same in each run ("properties.sku.name: removed"), so
that it can stand in a table of fields that are not needed, with the reason. The original is never changed. `unexplained` puts
it all together, and complains about entries of such a table that are not true (any more).

    of_json(document)      dicts, lists and scalars: JSON, BSON documents, rows of a stub
    of_info(text)          lines "key:value" (INFO of Redis); comments and blank lines stay
    of_xml(text)           elements and attributes
    of_headers(headers)    a dict of headers"""

import copy
import re
import xml.etree.ElementTree

REMOVED = "removed"
EMPTIED = "emptied"
NULLED = "null"


def empty_like(value):
    """What is left of a value when nothing is in it: of its own type."""
    if isinstance(value, str):
        return ""
    if isinstance(value, dict):
        return {}
    if isinstance(value, (list, tuple)):
        return type(value)()
    if isinstance(value, (bytes, bytearray)):
        return type(value)()
    return None


def _places(value, path):
    """Every (path, parent path, key) below a value."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return
    for key, child in items:
        yield path + (key,)
        yield from _places(child, path + (key,))


def _name(path):
    text = ""
    for key in path:
        text += "[%d]" % key if isinstance(key, int) else ("." if text else "") + str(key)
    return text


def _changed(document, path, change):
    """A copy of the document in which `change(parent, key)` was done at the path."""
    changed = copy.deepcopy(document)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return changed


def of_json(document):
    for path in _places(document, ()):
        value = document
        for key in path:
            value = value[key]
        name = _name(path)
        yield "%s: %s" % (name, REMOVED), _changed(document, path, lambda parent, key: parent.pop(key))
        if value is not None:
            yield "%s: %s" % (name, NULLED), _changed(document, path, lambda parent, key: parent.__setitem__(key, None))
        empty = empty_like(value)
        if empty is not None and empty != value:
            yield "%s: %s" % (name, EMPTIED), \
                _changed(document, path, lambda parent, key, empty=empty: parent.__setitem__(key, empty))


def of_info(text):
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        match = re.match(r"([^#:\r\n][^:\r\n]*):([^\r\n]*)(\r?\n?)$", line)
        if not match:
            continue
        key, value, end = match.groups()
        before, after = "".join(lines[:number]), "".join(lines[number + 1:])
        yield "%s: %s" % (key, REMOVED), before + after
        if value:
            yield "%s: %s" % (key, EMPTIED), "%s%s:%s%s" % (before, key, end, after)


def of_xml(text):
    """Elements are named by their path, a later one of the same name by its number: "A/B[2]"."""
    root = xml.etree.ElementTree.fromstring(text.encode())

    def paths(element, path):
        seen = {}
        for index, child in enumerate(element):
            seen[child.tag] = seen.get(child.tag, 0) + 1
            name = "%s/%s%s" % (path[0], child.tag, "[%d]" % seen[child.tag] if seen[child.tag] > 1 else "")
            yield name, path[1] + (index,)
            yield from paths(child, (name, path[1] + (index,)))

    def at(tree, indexes):
        for index in indexes:
            tree = tree[index]
        return tree

    def written(tree):
        return xml.etree.ElementTree.tostring(tree, encoding="unicode")

    for name, indexes in [(root.tag, ())] + list(paths(root, (root.tag, ()))):
        if indexes:
            tree = copy.deepcopy(root)
            parent = at(tree, indexes[:-1])
            parent.remove(parent[indexes[-1]])
            yield "%s: %s" % (name, REMOVED), written(tree)
        original = at(root, indexes)
        if len(original) or original.text:
            tree = copy.deepcopy(root)
            element = at(tree, indexes)
            for child in list(element):
                element.remove(child)
            element.text = None
            yield "%s: %s" % (name, EMPTIED), written(tree)
        for attribute in original.attrib:
            tree = copy.deepcopy(root)
            del at(tree, indexes).attrib[attribute]
            yield "%s@%s: %s" % (name, attribute, REMOVED), written(tree)


def of_headers(headers):
    for name in headers:
        yield "%s: %s" % (name, REMOVED), {key: value for key, value in headers.items() if key != name}
        if headers[name]:
            yield "%s: %s" % (name, EMPTIED), dict(headers, **{name: ""})


def unexplained(outcomes, not_needed):
    """Of {mutation's name: whether the verdict was OK}: the names that were OK and are in no table, and the entries of the
    table {pattern: reason} that no OK mutation needs. Both must be empty. A pattern is a regular expression for a whole
    name."""
    fine = [name for name, ok in outcomes.items() if ok]
    wrong = [name for name in fine if not any(re.fullmatch(pattern, name) for pattern in not_needed)]
    idle = [pattern for pattern in not_needed if not any(re.fullmatch(pattern, name) for name in fine)]
    return wrong, idle
