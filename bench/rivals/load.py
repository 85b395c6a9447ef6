#!/usr/bin/env python3
"""A loader that is not ours, as teams write them: reads a CSV in partitions and writes each with COPY.

    load.py URL TABLE rows.csv [--partitions N] [--at-once N] [--batch NAME]

Each partition is a range of bytes, cut at line ends, and goes through a psql of its own, as the tasks of a Spark job
go through connections of their own. Each row gets the batch's id and the partition's number. The table has an index on
the key, but no unique one: the loader checks nothing. The bench's values have no line ends in quotes.
"""
import argparse, concurrent.futures, os, subprocess

COLUMNS = ("account text, product text, amount numeric(15,2), booked_on date, id text, text text, "
           "exact numeric(38,10), entered_at timestamp, note text, batch_id text, part integer")
NAMES = ", ".join(one.split()[0] for one in COLUMNS.replace("(15,2)", "").replace("(38,10)", "").split(", "))


def sql(url, text):
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", url, "-c", text], check=True)


def cuts(path, partitions):
    """The ranges of bytes of the partitions, without the header line."""
    size, found = os.path.getsize(path), []
    with open(path, "rb") as file:
        file.readline()
        begin = file.tell()
        for number in range(1, partitions + 1):
            file.seek(max(begin, size * number // partitions - 1))
            file.readline()
            found.append((begin, file.tell() if number < partitions else size))
            begin = found[-1][1]
    return found


def write(url, table, path, batch, number, begin, end):
    """Copies one partition and returns how many rows it had."""
    tail, rows = f",{batch},{number}\n".encode(), 0
    copy = f"\\copy {table} ({NAMES}) FROM STDIN (FORMAT csv)"
    task = subprocess.Popen(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", url, "-c", copy], stdin=subprocess.PIPE)
    with open(path, "rb") as file:
        file.seek(begin)
        while begin < end:
            line = file.readline()
            begin += len(line)
            rows += 1
            task.stdin.write(line.rstrip(b"\r\n") + tail)
    task.stdin.close()
    if task.wait() != 0:
        raise SystemExit(f"load.py: partition {number} of {path} could not be written to {table}")
    return rows


def load(url, table, path, partitions=8, at_once=2, batch="b1"):
    sql(url, f"CREATE TABLE {table} ({COLUMNS})")
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        rows = sum(pool.map(lambda one: write(url, table, path, batch, one[0], *one[1]),
                            enumerate(cuts(path, partitions))))
    sql(url, f"CREATE INDEX ON {table} (id)")
    sql(url, f"VACUUM ANALYZE {table}")
    return rows


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("url")
    options.add_argument("table")
    options.add_argument("file")
    options.add_argument("--partitions", type=int, default=8)
    options.add_argument("--at-once", type=int, default=2)
    options.add_argument("--batch", default="b1")
    options = options.parse_args()
    rows = load(options.url, options.table, options.file, options.partitions, options.at_once, options.batch)
    print(f"{rows:,} rows in {options.partitions} partitions, batch {options.batch}")


if __name__ == "__main__":
    main()
