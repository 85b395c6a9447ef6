"""The page: what was measured, as Markdown. Says nothing that is not in the results."""
import statistics, textwrap
from strikes import PER_KIND

PRODUCT = "crossfoot reconcile"


def paragraph(*parts):
    return textwrap.wrap(" ".join(parts), 124, break_long_words=False, break_on_hyphens=False)


def several(number, unit):
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def seconds(values):
    return f"{statistics.median(values):.1f} s ({min(values):.1f} to {max(values):.1f})"


def alone_of(results, tool):
    return next((one["tools"][tool]["alone"] for one in results if one["tools"].get(tool, {}).get("alone")), {})


def found(result, alone, tool, kind):
    """What a tool made of one kind of difference."""
    of = result["tools"][tool]
    least = min(one["reported"][kind][0] for one in of["damaged"])
    if least == PER_KIND:
        return "all"
    if least:
        return f"{least} of {PER_KIND}"
    by_itself = alone.get(kind)
    if by_itself and by_itself["differs"]:
        return "noticed"
    if by_itself and by_itself["trouble"]:
        return "error"
    return "**no**"


def head(results):
    largest = results[-1]
    kinds, differences = len(largest["kinds"]), len(largest["kinds"]) * PER_KIND
    sizes = " and ".join(f"{one['rows']:,}" for one in results)
    alone = next((one["alone_rows"] for one in results if one["alone_rows"]), None)
    ours = PRODUCT in largest["tools"]
    title = "Crossfoot and tools that compare tables" if ours else "Tools that compare tables"
    which = f"`{PRODUCT}` and tools that teams use" if ours else "tools that teams use"
    by_kind = f"Pairs of {alone:,} rows with differences of one kind only show what a tool makes of that kind." if alone else ""
    return [
        f"# {title}", "",
        *paragraph(
            f"What {which} to compare a loaded table with its source find, and what they cost, on the same data. Made by",
            "`bench/rivals/run`, which repeats it; `bench/rivals/README.md` says how."), "",
        *paragraph(
            f"A file ({sizes} rows) is loaded into PostgreSQL: into the source's table, and by a loader without checks into",
            "two others. It has nine columns: two amounts, one of them with more than 30 digits, a date, a timestamp with",
            f"microseconds, texts that may be empty or NULL. One of the loaded tables then gets {differences} seeded",
            f"differences of {kinds} kinds. In turn, each tool compares the source's table with the undamaged table and with",
            "the damaged one, as its documentation describes for an exact comparison of rows.", by_kind), "",
        *paragraph(
            f"Measured on {largest['made']} with {several(largest['cores'], 'core')} ({largest['machine']}) that run",
            f"everything, the server included, and other work beside: PostgreSQL {largest['postgres']}, Python",
            f"{largest['python']}. Wall times depend on that other work; processor times hardly do.")]


def findings(results):
    largest = results[-1]
    names = list(largest["tools"])
    out = ["", "## What each finds", "",
           *paragraph(
               f"Of {PER_KIND} differences of each kind, those that the tool reported by the row's key, in",
               f"{largest['rows']:,} rows. *noticed*: no key, but it says that the tables differ when only this kind is",
               "there. *error*: it then ends with an error instead. **no**: it then says that the tables are equal."), "",
           "| what differs | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for kind, words in largest["kinds"].items():
        cells = [found(largest, alone_of(results, name), name, kind) for name in names]
        out.append(f"| {words} | " + " | ".join(cells) + " |")
    totals = []
    for name in names:
        counted = [sum(least for least, _ in one["reported"].values()) for one in largest["tools"][name]["damaged"]]
        there = len(largest["kinds"]) * PER_KIND
        totals.append(f"{min(counted)} of {there}" if largest["tools"][name]["keyed"] else "no keys")
    out.append("| **reported by key** | " + " | ".join(totals) + " |")
    false = []
    for name in names:
        both = largest["tools"][name]
        wrong = sum(one["false_alarms"] for one in both["damaged"] + both["undamaged"])
        wrong += sum(one["differs"] for one in both["undamaged"])
        false.append("none" if not wrong else f"{wrong}")
    out.append("| false alarms | " + " | ".join(false) + " |")
    codes = []
    for name in names:
        both = largest["tools"][name]
        if both.get("library"):
            codes.append("a library")
            continue
        equal, differ = ({one["exit"] for one in both[which]} for which in ("undamaged", "damaged"))
        codes.append(f"{', '.join(map(str, sorted(equal)))} / {', '.join(map(str, sorted(differ)))}")
    out.append("| exit code: equal / different | " + " | ".join(codes) + " |")
    troubles = {name: {one["trouble"] for one in largest["tools"][name]["damaged"] if one["trouble"]} for name in names}
    out += ["", *[f"- {name} ended with: `{text}`" for name, texts in troubles.items() for text in sorted(texts)]]
    return out


def costs(results):
    out = ["", "## What each costs", "",
           *paragraph("Medians of the rounds, least and greatest in parentheses. Processor time is the tool's and, after it,",
                      "the server's. Peak memory is the tool's largest process, without the server.")]
    for result in results:
        size = f"{result['rows']:,} rows ({result['bytes'] / 1e6:.0f} MB)"
        rounds = {len(one["damaged"]) for one in result["tools"].values()}
        counted = several(max(rounds), "round") if len(rounds) == 1 else f"{min(rounds)} to {max(rounds)} rounds"
        apart = f", measured in {result['runs']} separate runs" if result["runs"] > 1 else ""
        out += ["", f"{size}, {counted}{apart}:", "",
                "| tool | equal tables | processor time | different tables | processor time | peak memory |",
                "|---|--:|--:|--:|--:|--:|"]
        for name, one in result["tools"].items():
            cells = []
            for runs in (one["undamaged"], one["damaged"]):
                cells.append(seconds([run["seconds"] for run in runs]))
                cells.append(" + ".join(f"{statistics.median([run[part] for run in runs]):.1f}"
                                        for part in ("cpu", "server_cpu")) + " s")
            peak = max(run["peak_mb"] for run in one["undamaged"] + one["damaged"])
            out.append(f"| {name} | {' | '.join(cells)} | {peak:,} MB |")
    largest = results[-1]
    which = f"All but `{PRODUCT}`" if PRODUCT in largest["tools"] else "These tools"
    return out + ["", *paragraph(
        f"{which} compare tables: a source that is a file must be loaded first. psql's `\\copy` of {largest['rows']:,} rows",
        f"into a table with a primary key took {largest['source_load_s']:.1f} s, not counted above.")]


def settings(results, tools):
    out = ["", "## How each was run", ""]
    for name, one in results[-1]["tools"].items():
        good = f" What it does well: {tools[name].good}." if name in tools and tools[name].good else ""
        seen = f" Seen here: {tools[name].seen}." if name in tools and tools[name].seen else ""
        how = tools[name].settings if name in tools else one["settings"]
        out += [*paragraph(f"**{name}**, version {one['version']}. {sentence(how)}.{good}{seen}"), "", "```", one["command"],
                "```", ""]
    return out


def sentence(text):
    return text[0].upper() + text[1:]


def together(results):
    """The results by number of rows: tools that were measured in runs of their own stand beside the others."""
    by_rows = {}
    for one in results:
        there = by_rows.setdefault(one["rows"], {**one, "tools": {}, "runs": 0})
        if one["kinds"] != there["kinds"]:
            raise SystemExit(f"bench/rivals: the results of {one['rows']:,} rows are of other differences")
        there["tools"].update(one["tools"])
        there["runs"] += 1
        there["alone_rows"] = there["alone_rows"] or one["alone_rows"]
    return [by_rows[rows] for rows in sorted(by_rows)]


def page(results, tools):
    results = together(results)
    lines = head(results) + findings(results) + costs(results) + settings(results, tools)
    return "\n".join(lines).rstrip() + "\n"
