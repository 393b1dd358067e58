# SPDX-License-Identifier: GPL-3.0-or-later
"""How the monitoring cores read the output of a check.

    nagios(output)    -> Output(short, long, perfdata), all strings     Nagios Core 4, parse_check_output in base/checks.c
    icinga2(output)   -> Output(short, long, perfdata), perfdata a list  Icinga 2, PluginUtility::ParseCheckOutput and
                                                                         SplitPerfdata; icinga2(output, before_2_14=True)
                                                                         keeps blanks in front of a label
    icinga2_datum(text) -> Datum, or ValueError where Icinga drops it    Icinga 2, PerfdataValue::Parse
    guidelines(perfdata) -> [Datum], or ValueError                       the grammar of the plugin guidelines

The quirks are theirs; test_cores.py has one test for each."""

import collections
import re

Output = collections.namedtuple("Output", "short long perfdata")
Datum = collections.namedtuple("Datum", "label value unit warning critical minimum maximum")

NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")

# Unit (in lower case): factor, base unit.
ICINGA_UNITS = {
    "": (1, ""), "s": (1, "seconds"), "ms": (1e-3, "seconds"), "us": (1e-6, "seconds"), "ns": (1e-9, "seconds"),
    "m": (60, "seconds"), "h": (3600, "seconds"), "d": (86400, "seconds"),
    "b": (1, "bytes"), "kb": (1000, "bytes"), "mb": (1000 ** 2, "bytes"), "gb": (1000 ** 3, "bytes"),
    "tb": (1000 ** 4, "bytes"), "pb": (1000 ** 5, "bytes"), "kib": (1024, "bytes"), "mib": (1024 ** 2, "bytes"),
    "gib": (1024 ** 3, "bytes"), "tib": (1024 ** 4, "bytes"), "pib": (1024 ** 5, "bytes"),
    "%": (1, "percent"), "c": (1, ""),
}


def nagios(output):
    """The first line up to its first "|" is the short output, with ";" as ":"; from the first "|" of a later line on
    everything, further lines too, is perfdata."""
    lines = output.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if not lines:
        return Output("", "", "")
    # strtok skips separators at the beginning: an empty text lets the perfdata be taken for it
    first = lines[0].lstrip("|")
    short, _, perfdata = first.partition("|")
    perfdata = [perfdata] if perfdata else []
    long = []
    in_perfdata = False
    for line in lines[1:]:
        if in_perfdata:
            perfdata.append(line)
            continue
        text, bar, data = line.partition("|")
        in_perfdata = bool(bar)
        long.append(text)
        if data:
            perfdata.append(data)
    return Output(short.strip().replace(";", ":"), "\n".join(long), " ".join(perfdata).strip())


def icinga2(output, before_2_14=False):
    """Each line is split at its own first "|", and only where a "=" follows in that line."""
    texts = []
    perfdata = []
    for line in re.split(r"[\r\n]", output):
        text, _, data = line.partition("|")
        if "=" in data:
            texts.append(text)
            perfdata.append(data)
        else:
            texts.append(line)
    short, _, long = "\n".join(texts).rstrip("\n").partition("\n")
    return Output(short, long, icinga2_split(" ".join(perfdata).strip(), before_2_14))


def _unquoted(label):
    """One outer pair of quotes is taken off, nothing inside is unescaped."""
    return label[1:-1] if len(label) > 2 and label[0] == "'" == label[-1] else label


def icinga2_split(perfdata, before_2_14=False):
    """A label with "::" is the prefix of check_multi: it is put before all labels that follow."""
    data = []
    begin = 0
    prefix = ""
    while True:
        equals = perfdata.find("=", begin)
        if equals < 0:
            return data
        label = perfdata[begin:equals]
        label = _unquoted(label if before_2_14 else label.lstrip())
        multi = label.rfind("::")
        if multi >= 0:
            prefix = ""
        space = perfdata.find(" ", equals)
        space = len(perfdata) if space < 0 else space
        if prefix:
            label = prefix + "::" + label
        value = perfdata[equals + 1:space]
        data.append("'%s'=%s" % (label, value) if " " in label else "%s=%s" % (label, value))
        if multi >= 0:
            prefix = label[:multi]
        begin = space + 1


def icinga2_datum(text):
    """ValueError where Icinga refuses it; a threshold that is no plain number is None; a unit it does not know is
    dropped and the value kept."""
    label, equals, value = text.rpartition("=")
    if not equals:
        raise ValueError("no '=': %r" % text)
    if "," in value:
        raise ValueError("a comma: %r" % text)
    tokens = value.split(";")
    match = NUMBER.match(tokens[0])
    if not match:
        raise ValueError("no number: %r" % text)
    number = match.group()
    factor, unit = ICINGA_UNITS.get(tokens[0][len(number):].lower(), (1, ""))

    def limit(index):
        token = tokens[index] if index < len(tokens) else ""
        return float(token) * factor if NUMBER.fullmatch(token) else None

    return Datum(_unquoted(label), float(number) * factor, unit, limit(1), limit(2), limit(3), limit(4))


RANGE = r"@?(?:(?:~|-?[0-9]+(?:\.[0-9]+)?)?:)?(?:-?[0-9]+(?:\.[0-9]+)?)?"
GUIDELINES = re.compile(
    r"(?:'(?P<quoted>(?:[^'=]|'')+)'|(?P<bare>[^ '=]+))=(?P<value>-?[0-9]+(?:\.[0-9]+)?)"
    r"(?P<unit>s|us|ms|%|B|KB|MB|TB|c|)"
    r"(?:;(?P<warning>" + RANGE + r"))?(?:;(?P<critical>" + RANGE + r"))?"
    r"(?:;(?P<minimum>-?[0-9.]*))?(?:;(?P<maximum>-?[0-9.]*))?")


def guidelines(perfdata):
    """'label'=value[UOM];[warn];[crit];[min];[max], separated by blanks; no exponent, no "U"."""
    data = []
    at = 0
    while at < len(perfdata):
        match = GUIDELINES.match(perfdata, at)
        if not match or not (match.end() == len(perfdata) or perfdata[match.end()] == " "):
            raise ValueError("not perfdata at %d: %r" % (at, perfdata))
        label = match["bare"] or match["quoted"].replace("''", "'")
        data.append(Datum(label, float(match["value"]), match["unit"], match["warning"] or "", match["critical"] or "",
                          match["minimum"] or "", match["maximum"] or ""))
        at = match.end()
        while at < len(perfdata) and perfdata[at] == " ":
            at += 1
    return data
