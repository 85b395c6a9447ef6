"""The bench's file, and the differences that are struck into a table that was loaded from it.

The file is that of bench/yardstick (the same seed, the same six columns) with three more: an amount that no double
holds, a timestamp with microseconds, and a text that may be empty or NULL. Each difference names the keys of the rows
that it touches: a tool has found it if it reports all of them.
"""
import importlib.machinery, importlib.util, os, random, unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = ["account", "product", "amount", "booked_on", "id", "text", "exact", "entered_at", "note"]
VALUES = [name for name in COLUMNS if name != "id"]
PER_KIND = 5
NOTES = ["Gebühr für März", "Überweisung Müller", "Rückläufer", "Zins für das erste Quartal", "Prämie Käthe Schäfer"]


def yardstick():
    loader = importlib.machinery.SourceFileLoader("yardstick", f"{HERE}/../yardstick")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("yardstick", loader))
    loader.exec_module(module)
    return module


class Row(dict):
    @classmethod
    def of(cls, line):
        return cls(zip(COLUMNS, line.rstrip("\n").split(",")))

    def note(self):
        """The text of the note; None is NULL."""
        return None if self["note"] == "" else self["note"].strip('"')


def make_file(path, rows):
    """Writes the file and returns rows spread over it, as candidates for differences."""
    dice = random.Random(20240301)
    picked = sorted(dice.sample(range(rows), min(rows // 2, 4000)))
    candidates, pairs = {}, {}
    # Some neighbouring candidates get the same amount with opposite signs: for two signs that are swapped.
    for first, second in zip(picked[0:100:2], picked[1:101:2]):
        pairs[second] = first
    picked = set(picked)
    yardstick().make_rows(f"{path}.part", rows)
    with open(f"{path}.part") as source, open(path, "w") as out:
        out.write(source.readline().rstrip("\n") + ",exact,entered_at,note\n")
        for number, line in enumerate(source):
            cells = line.rstrip("\n").split(",")
            if number in pairs:
                other = candidates[pairs[number]]["amount"]
                cells[2] = other[1:] if other.startswith("-") else f"-{other}"
            exact = "" if dice.random() < 0.05 else "%d.%010d" % (
                dice.randrange(-10**27, 10**27), dice.randrange(10**10))
            at = "2024-%02d-%02d %02d:%02d:%02d.%06d" % (
                dice.randrange(1, 13), dice.randrange(1, 29), dice.randrange(2, 24), dice.randrange(60),
                dice.randrange(60), dice.randrange(10**6))
            kind = dice.randrange(4)
            note = "" if kind == 0 else '""' if kind == 1 else f"{dice.choice(NOTES)} {dice.randrange(10**6):06d}"
            line = ",".join(cells + [exact, at, note])
            out.write(line + "\n")
            if number in picked:
                candidates[number] = Row.of(line)
    os.remove(f"{path}.part")
    return [candidates[number] for number in sorted(candidates)], [
        (candidates[first], candidates[second]) for second, first in sorted(pairs.items())]


def text(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def change(column, expression):
    return lambda row: [f"UPDATE {{table}} SET {column} = {expression} WHERE id = '{row['id']}'"]


def new_value(column, made):
    return lambda row: [f"UPDATE {{table}} SET {column} = {text(made(row))} WHERE id = '{row['id']}'"]


def extra(row):
    made = dict(row, id=f"{int(row['id'], 16) ^ (1 << 64):032x}")
    names = ", ".join(COLUMNS)
    return [f"INSERT INTO {{table}} ({names}, batch_id, part) SELECT account, product, amount, booked_on, "
            f"'{made['id']}', text, exact, entered_at, note, batch_id, part FROM {{table}} WHERE id = '{row['id']}'"]


def both(column, first, second):
    """Changes a column in two rows: the expressions may use the other row's old value, {other}."""
    def made(one, two):
        return [f"UPDATE {{table}} SET {column} = {sign.format(other=other[column])} WHERE id = '{row['id']}'"
                for row, other, sign in ((one, two, first), (two, one, second))]
    return made


# Kind: what it is in words, which rows it suits, what is done.
ONE = [
    ("cent", "an amount differs by a cent", lambda row: True, change("amount", "amount + 0.01")),
    ("last digit", "the last of more than 30 digits of an amount differs",
     lambda row: len(row["exact"].lstrip("-")) > 31, change("exact", "exact + 0.0000000001")),
    ("row lost", "a row is missing", lambda row: True, lambda row: [f"DELETE FROM {{table}} WHERE id = '{row['id']}'"]),
    ("row doubled", "a row is there twice (the target has no unique key)", lambda row: True,
     lambda row: [f"INSERT INTO {{table}} SELECT * FROM {{table}} WHERE id = '{row['id']}'"]),
    ("row extra", "a row has a key that the source lacks", lambda row: True, extra),
    ("NULL to empty", "NULL became an empty text", lambda row: row["note"] == "", change("note", "''")),
    ("empty to NULL", "an empty text became NULL", lambda row: row["note"] == '""', change("note", "NULL")),
    ("NULL to zero", "an amount that is NULL became 0", lambda row: row["exact"] == "", change("exact", "0")),
    ("trailing blank", "a text has one more blank at its end", lambda row: True, change("text", "text || ' '")),
    ("cut text", "a text lost its last character", lambda row: True, new_value("text", lambda row: row["text"][:-1])),
    ("case", "a letter is upper case", lambda row: True, new_value("text", lambda row: row["text"].capitalize())),
    ("normal form", "an umlaut is written as letter and diaeresis", lambda row: "ü" in row["note"],
     new_value("note", lambda row: unicodedata.normalize("NFD", row.note()))),
    ("no-break space", "a blank is a no-break space", lambda row: True,
     new_value("text", lambda row: row["text"].replace(" ", "\u00a0"))),
    ("leading zero", "a text of digits lost its leading zero", lambda row: row["account"].startswith("0"),
     new_value("account", lambda row: row["account"][1:])),
    ("day", "a date is one day later", lambda row: True, change("booked_on", "booked_on + 1")),
    ("microsecond", "a timestamp is one microsecond later", lambda row: True,
     change("entered_at", "entered_at + interval '1 microsecond'")),
    ("hour", "a timestamp is one hour earlier", lambda row: True,
     change("entered_at", "entered_at - interval '1 hour'")),
]
TWO = [
    ("values swapped", "two rows have each other's amounts", both("amount", "{other}", "{other}")),
    ("amount moved", "one amount is 1.00 more, another 1.00 less: the sum stays",
     both("amount", "amount + 1", "amount - 1")),
]
SIGNS = ("signs swapped", "two rows have each other's signs: the sum stays", both("amount", "-amount", "-amount"))
KINDS = {name: words for name, words, *_ in [*ONE, *TWO, SIGNS]}


def make_strikes(candidates, pairs):
    """The seeded differences: PER_KIND of each kind, no row in two of them."""
    dice, used, found = random.Random(20240302), set(), []
    pairs, candidates = list(pairs), list(candidates)
    dice.shuffle(pairs)
    dice.shuffle(candidates)
    for first, second in pairs:
        used |= {first["id"], second["id"]}
    for first, second in pairs[:PER_KIND]:
        found.append({"kind": SIGNS[0], "keys": [first["id"], second["id"]], "sql": SIGNS[2](first, second)})
    free = [row for row in candidates if row["id"] not in used]

    def take(suits):
        at = next(number for number, row in enumerate(free) if suits(row))
        return free.pop(at)
    for kind, _, suits, made in ONE:
        for _ in range(PER_KIND):
            row = take(suits)
            keys = [row["id"]] if made is not extra else [f"{int(row['id'], 16) ^ (1 << 64):032x}"]
            found.append({"kind": kind, "keys": keys, "sql": made(row)})
    for kind, _, made in TWO:
        for _ in range(PER_KIND):
            first = take(lambda row: True)
            second = take(lambda row: row["amount"] != first["amount"])
            found.append({"kind": kind, "keys": [first["id"], second["id"]], "sql": made(first, second)})
    return found
