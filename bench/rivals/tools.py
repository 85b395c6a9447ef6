"""How each tool is called, and what it reported.

A tool's `command` compares the table `source` with another one of the same database; its `read` makes of what the tool
printed: the keys that it reported, whether it said that the tables differ, and what it said instead of a comparison.
"""
import json, os, re, subprocess, urllib.parse
from strikes import COLUMNS, HERE, VALUES


class Found(dict):
    def __init__(self, keys=(), differs=False, trouble=""):
        super().__init__(keys=set(keys), differs=differs or bool(keys), trouble=trouble)


def errors(text):
    """The last line of an error, without time and colour."""
    lines = [line for line in text.splitlines() if re.search(r"ERROR|Error|Exception|Traceback|\"error\"", line)]
    return re.sub(r"^\[[\d:]+\] ", "", re.sub(r"\x1b\[[\d;]*m", "", lines[-1])).strip()[:300] if lines else ""


def output(command):
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


class Tool:
    """A tool of the bench. `keyed`: whether it names rows; otherwise only its verdict counts. `library`: whether it is
    called by a script of the bench, so that the exit code is none of its own."""
    keyed, library, seen = True, False, ""

    def __init__(self, bench):
        self.bench, self.bin = bench, f"{bench.venv}/bin"
        self.url = bench.url.replace("postgres://", "postgresql://", 1)
        self.environment = {}

    def setup(self):
        pass

    def version(self):
        asked = "import importlib.metadata as m; print(m.version(%r))" % self.package
        return output([f"{self.bin}/python", "-c", asked])


class Reladiff(Tool):
    name, package = "reladiff, join in the database", "reladiff"
    settings = ("its default for two tables of one database (`joindiff`); each column named with `-c`, which it "
                "otherwise leaves out; two threads")
    good = ("the comparison runs in the database and only differences leave it; decimals and timestamps are compared to "
            "their last digits; NULL and empty texts are two things; for a difference both rows are printed")
    seen = ("a key that is there twice ends it with an error that names no key, after the differences of other rows were "
            "printed; a failure ends with exit code 0, too")
    mode = ["-a", "joindiff"]

    def command(self, table):
        columns = [part for name in VALUES for part in ("-c", name)]
        return [f"{self.bin}/reladiff", self.url, "source", table, "-k", "id", *columns, "--json", "-j", "2",
                *self.mode]

    def setup(self):
        # Otherwise it breaks its JSON at the width of a terminal.
        self.environment = {"COLUMNS": "100000"}

    def read(self, out, err, code):
        keys = [json.loads(line)[1][0] for line in out.splitlines() if line.startswith("[")]
        return Found(keys, trouble=errors(err))


class Hashdiff(Reladiff):
    name = "reladiff, hashes by ranges"
    settings = ("its way for two databases (`hashdiff`); each column named with `-c`; two threads; "
                "`--skip-sort-results`, because sorting fails on NULL")
    good = ("by its documentation it works between databases of different makes; equal ranges are compared by one hash each, so that almost "
            "nothing leaves the databases where little differs")
    seen = ("without `--skip-sort-results` it ended with an error where a difference touched NULL, and had printed only "
            "some of the differences")
    mode = ["-a", "hashdiff", "--skip-sort-results"]


class RowHash(Tool):
    name, package = "data-validation, row hash", "google-pso-data-validator"
    settings = "`validate row --hash` over each column, `--filter-status fail`, as its documentation advises for rows"
    good = ("by its documentation it works between many makes of databases and warehouses, and writes results to a table; "
            "it prints counts of rows on each side")
    seen = "blanks at the end of a text and fractions of a second are not part of the hash"

    def setup(self):
        at = urllib.parse.urlsplit(self.bench.url)
        self.environment = {"PSO_DV_CONN_HOME": f"{self.bench.folder}/connections", "PYTHONWARNINGS": "ignore"}
        os.makedirs(self.environment["PSO_DV_CONN_HOME"], exist_ok=True)
        subprocess.run([f"{self.bin}/data-validation", "connections", "add", "-c", "pg", "Postgres", "--host",
                        at.hostname, "--port", str(at.port), "--user", at.username, "--password", at.password,
                        "--database", at.path.lstrip("/")], env={**os.environ, **self.environment}, check=True,
                       capture_output=True)

    def tables(self, table):
        return ["-sc", "pg", "-tc", "pg", "-tbls", f"public.source=public.{table}", "--filter-status", "fail",
                "--format", "json"]

    def command(self, table):
        return [f"{self.bin}/data-validation", "validate", "row", *self.tables(table), "--primary-keys", "id", "--hash",
                ",".join(VALUES)]

    def lines(self, out):
        text = out[out.index("{"):out.rindex("}") + 1] if "{" in out else "{}"
        return list(json.loads(text).values())

    def read(self, out, err, code):
        failed = [one for one in self.lines(out) if one["validation_status"] == "fail"]
        keys = [json.loads(one["group_by_columns"])["id"] for one in failed]
        return Found(keys, trouble=errors(err) or f"exit code {code}" if code else "")


class ColumnTotals(RowHash):
    keyed = False
    name = "data-validation, columns"
    settings = ("`validate column` with count, sum, minimum and maximum of each column, texts by length and timestamps "
                "by seconds (`-wis -wit`)")
    good = "one query of totals on each side, so that its memory does not grow with the tables"
    seen = ("sums of decimals are compared as floats of 32 bits: -42182751.57 and -42182751.52 were reported as equal")

    def command(self, table):
        return [f"{self.bin}/data-validation", "validate", "column", *self.tables(table), "--count", "*", "--sum", "*",
                "--min", "*", "--max", "*", "-wis", "-wit"]

    def read(self, out, err, code):
        failed = [one["validation_name"] for one in self.lines(out) if one["validation_status"] == "fail"]
        return Found(differs=bool(failed), trouble=errors(err) or f"exit code {code}" if code else "")


class Pandas(Tool):
    library = True
    name, package, engine = "datacompy, pandas", "datacompy", "pandas"
    settings = ("a library, called by `bench/rivals/frames.py`: `PandasCompare` on the two tables as data frames, "
                "tolerance 0 (its default), amounts read as decimals")
    seen = "decimals are compared as doubles"
    good = ("any two data frames can be compared, so that sources of any kind can be read; duplicates are matched by "
            "the order of their values; its report shows samples of each differing column")

    def command(self, table):
        return [f"{self.bin}/python", f"{HERE}/frames.py", self.url, "source", table, self.engine, *COLUMNS]

    def read(self, out, err, code):
        if code:
            return Found(trouble=errors(err) or f"exit code {code}")
        said = json.loads(out)
        return Found(said["only_source"] + said["only_target"] + said["differing"], differs=not said["matches"])


class Polars(Pandas):
    name, engine = "datacompy, Polars", "polars"
    settings = "the same, with `PolarsCompare` on Polars' data frames"
    good = "the same"


class Crossfoot(Tool):
    name, files = "crossfoot reconcile", "file"
    settings = "the source is the file, not the table, and nothing is loaded; `bench/rivals/job.toml`"
    good = ("the source may be a file of any format that Crossfoot reads; each difference is listed with record, byte offset, "
            "field and key; the exit code tells it from equal; the verdict goes to the evidence log")

    def setup(self):
        at = urllib.parse.urlsplit(self.bench.url)
        self.target = self.bench.url.replace(f":{at.password}@", "@")
        with open(f"{self.bench.folder}/password", "w") as out:
            out.write(f"{at.password}\n")
        os.chmod(f"{self.bench.folder}/password", 0o600)
        job = open(f"{HERE}/job.toml").read()
        for table in self.bench.tables:
            with open(f"{self.bench.folder}/{table}.toml", "w") as out:
                out.write(job.replace("{table}", table))
        # Each comparison starts with a ledger of its own.
        self.times, self.environment = 0, {"CROSSFOOT_LOG": "error"}

    def command(self, table):
        self.times += 1
        return [self.bench.binary, "--json", "--store", f"sqlite:{self.bench.folder}/{self.files}{self.times}.db", "reconcile",
                f"{self.bench.folder}/{table}.toml", *self.source(), "--target", self.target,
                "--target-password-file", f"{self.bench.folder}/password", "--differences", self.differences()]

    def source(self):
        return ["--source", self.bench.rows_file]

    def differences(self):
        return f"{self.bench.folder}/{self.files}{self.times}.jsonl"

    def read(self, out, err, code):
        keys = []
        if os.path.exists(self.differences()):
            with open(self.differences()) as lines:
                # Each key is 32 hexadecimal digits, and no other text of a difference is.
                keys = [key for line in lines for key in re.findall(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", line)]
        return Found(keys, differs=code == 1, trouble=errors(err) or f"exit code {code}" if code > 1 else "")

    def version(self):
        return output([self.bench.binary, "-V"]).split()[-1]


class Tables(Crossfoot):
    name, files = "crossfoot reconcile, table to table", "table"
    settings = "the source is the table, read with `--from`; `from_table` in `bench/rivals/job.toml`"
    good = "as above, but rows have no numbers and offsets, so that a difference is named by its key alone"

    def source(self):
        return ["--from", self.target, "--from-password-file", f"{self.bench.folder}/password"]


OURS = [Crossfoot, Tables]
OTHERS = [Reladiff, Hashdiff, RowHash, ColumnTotals, Pandas, Polars]


def reconciles(binary):
    """Whether the product can do what is compared here: otherwise why not."""
    if not binary:
        return "no --binary is given"
    if not os.access(binary, os.X_OK):
        return f"{binary} is no program"
    done = subprocess.run([binary, "reconcile", "--help"], text=True, capture_output=True)
    return "" if done.returncode == 0 else f"{binary} has no command `reconcile`"
