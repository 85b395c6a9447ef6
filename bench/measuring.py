"""What benches of the fleet share: the file that is loaded, private servers, a fleet of processes and what it costs,
and pages with results in them."""
import datetime, json, os, random, re, shutil, signal, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIELDS = [("account", "text(8)"), ("product", "text(4)"), ("amount", "decimal(15,2)"), ("booked_on", "date"),
          ("id", "text(32)"), ("text", "text(40)")]


def job(name, attach=False, redrive=False):
    """A job file for the file that make_rows makes."""
    return f"""[job]
name = "{name}"
[source]
format = "delimited"
header = true
{'[staging]' if redrive else ''}
{'durability = "redrive"' if redrive else ''}
[[record]]
{'promotion = "attach"' if attach else ''}
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg_{name}"
final = "{name}"
""" + "".join(f'[[record.field]]\nname = "{name}"\ntype = "{kind}"\n' for name, kind in FIELDS)


def make_rows(path, rows, seed=20240229):
    """Six columns (account, product, amount, date, unique random id, text), the same for the same seed."""
    dice, words = random.Random(seed), "ledger posting fee interest transfer payment refund salary rent invoice".split()
    with open(path, "w") as out:
        out.write("account,product,amount,booked_on,id,text\n")
        for _ in range(rows):
            out.write("%08d,P%03d,%d.%02d,2024-%02d-%02d,%032x,%s %s\n" % (
                dice.randrange(10**8), dice.randrange(1000), dice.randrange(-10**6, 10**6), dice.randrange(100),
                dice.randrange(1, 13), dice.randrange(1, 29), dice.getrandbits(128), dice.choice(words), dice.choice(words)))


def processes():
    """Of each process: its parent, its processor time and that of its ended children, in seconds."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks = [int(one) / os.sysconf("SC_CLK_TCK") for one in stat[11:15]]
        found[int(pid)] = (int(stat[1]), ticks[0] + ticks[1], ticks[2] + ticks[3])
    return found


def processor_time(root, found=None):
    """The processor time of a process and all below it, in seconds."""
    found = found or processes()
    def of(pid):
        return found[pid][1] + sum(of(one) for one, (parent, _, _) in found.items() if parent == pid)
    return of(root) + found[root][2]


def peak_mb(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) // 1024


def is_server(pid, folder):
    """Whether the process is the RabbitMQ server that keeps its data in `folder`."""
    try:
        name = open(f"/proc/{pid}/comm").read().strip()
        return name == "beam.smp" and folder in open(f"/proc/{pid}/environ").read()
    except OSError:
        return False


def stages(log):
    """The seconds of each stage of the last run that the coordinator logged."""
    found, last = {}, None
    for line in log.splitlines():
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        is_begun = entry.get("message") == "run started"
        done = entry.get("done") or (is_begun and "begun")
        if done:
            at = datetime.datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00"))
            if is_begun:
                found = {}
            elif last:
                found[done] = (at - last).total_seconds()
            last = at
    return found


def write_page(path, bench, text):
    """Puts the result of a bench between its marks in a Markdown page."""
    begin, end = f"<!-- measured by {bench} -->\n", "<!-- end -->\n"
    before, rest = open(path).read().split(begin)
    open(path, "w").write(before + begin + text + end + rest.split(end, 1)[1])


def load_average():
    return os.getloadavg()[0]


def loopback_bytes():
    """What processes of this machine have sent to each other over TCP, all of them."""
    line = next(line for line in open("/proc/net/dev") if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[8])


class Servers:
    """A private RabbitMQ and PostgreSQL, stopped at the end."""
    def __enter__(self):
        # Ended by a signal, the bench leaves no servers behind either.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.folder = tempfile.mkdtemp(prefix="crossfoot-servers-")
        subprocess.run([f"{ROOT}/tests/servers", "start", self.folder], check=True)
        for line in open(f"{self.folder}/env"):
            name, value = line.removeprefix("export ").strip().split("=", 1)
            os.environ[name] = value
        self.admin = os.environ["CROSSFOOT_TEST_POSTGRES"]
        self.base = self.admin.rsplit("/", 1)[0]
        self.postgres = int(open(f"{self.folder}/postgres/data/postmaster.pid").readline())
        self.rabbitmq = next(pid for pid in processes() if is_server(pid, self.folder))
        return self

    def __exit__(self, *_):
        subprocess.run([f"{ROOT}/tests/servers", "stop", self.folder], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, url, text):
        # Crossfoot's own tables are in a schema of their own.
        settings = {**os.environ, "PGOPTIONS": "-csearch_path=public,crossfoot"}
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", text], env=settings, text=True,
                              capture_output=True, check=True)
        return done.stdout.strip()

    def wal(self):
        return int(self.sql(self.admin, "SELECT pg_current_wal_lsn() - '0/0'"))


class Fleet:
    """A coordinator and workers, each a process with one slot, in a database and with queues of their own.

    `settings` are variables for all of them, `slowed` for workers by their role."""
    def __init__(self, servers, name, binary, processors=2, writers=2, settings=None, slowed=None):
        self.servers, self.name, self.binary = servers, name, os.path.abspath(binary)
        self.roles = ["processor"] * processors + ["writer"] * writers
        self.url, self.slowed = f"{servers.base}/{name}", slowed or {}
        self.settings = {**os.environ, "CROSSFOOT__STORE__URL": self.url, "CROSSFOOT__BROKER__PREFIX": f"{name}.",
                         "CROSSFOOT__BROKER__URL": os.environ["CROSSFOOT_TEST_AMQP"], "CROSSFOOT_LOG": "warn",
                         **(settings or {})}

    def __enter__(self):
        self.servers.sql(self.servers.admin, f"CREATE DATABASE {self.name}")
        self.log = tempfile.TemporaryFile("w+")
        self.started = []
        try:
            self.start("coordinator", [self.binary, "--json", "coordinator"], {"CROSSFOOT_LOG": "info"}, self.log)
            for at, role in enumerate(self.roles):
                command = [self.binary, "worker", "--role", role, "--slots", "1", "--name", f"{role}{at}"]
                self.start(role, command, self.slowed.get(role, {}), subprocess.DEVNULL)
            until = time.monotonic() + 60 + 2 * len(self.roles)
            while self.alive() != len(self.roles):
                if time.monotonic() > until:
                    sys.exit("the fleet did not start in time")
                time.sleep(0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, role, command, settings, errors):
        process = subprocess.Popen(command, env={**self.settings, **settings}, stdout=subprocess.DEVNULL, stderr=errors)
        self.started.append((role, process))

    def alive(self):
        try:
            return int(self.servers.sql(self.url, "SELECT count(*) FROM crossfoot_worker"))
        except subprocess.CalledProcessError:
            return 0

    def __exit__(self, *_):
        for _, process in self.started:
            process.terminate()
        for _, process in self.started:
            process.wait()
        self.log.close()
        self.servers.sql(self.servers.admin, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def spent(self):
        """The processor time of everything so far: of the servers, and of the processes by their roles."""
        now = processes()
        found = {"postgres": processor_time(self.servers.postgres, now), "rabbitmq": processor_time(self.servers.rabbitmq, now)}
        for role, process in self.started:
            found[role] = found.get(role, 0) + processor_time(process.pid, now)
        return found

    def load(self, job, source):
        """Loads a file, and says what that cost, and what of it until all was loaded: the rest is checks and promotion.
        Ends the bench unless the run was reconciled and promoted."""
        # The coordinator writes where the file's position is, which is not moved here.
        servers, log_fd = self.servers, self.log.fileno()
        began_at = os.fstat(log_fd).st_size
        counted = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        wal, moved, committed = servers.wal(), loopback_bytes(), int(servers.sql(self.url, counted))
        before, began, loaded, log, read = self.spent(), time.monotonic(), None, "", began_at
        answer = tempfile.TemporaryFile("w+")
        submit = subprocess.Popen([self.binary, "--json", "submit", job, "--source", source, "--wait"], env=self.settings,
                                  stdout=answer, stderr=subprocess.STDOUT)
        while submit.poll() is None:
            time.sleep(0.02)
            more = os.pread(log_fd, 1 << 20, read)
            read, log = read + len(more), log[-64:] + more.decode(errors="replace")
            if not loaded and '"done":"loaded"' in log:
                loaded, loading_peak = self.spent(), peak_mb(self.started[0][1].pid)
        seconds, after = time.monotonic() - began, self.spent()
        if submit.returncode or not loaded:
            answer.seek(0)
            sys.exit(f"the run ended with {submit.returncode}: {answer.read()[-4000:]}")
        found = {"seconds": seconds, "loopback_bytes": loopback_bytes() - moved, "wal_bytes": servers.wal() - wal,
                 "cpu": {who: after[who] - before[who] for who in after},
                 "loading_cpu": {who: loaded[who] - before[who] for who in loaded}, "peak_mb": {},
                 "loading_peak_mb": loading_peak}
        for role, process in self.started:
            found["peak_mb"][role] = max(found["peak_mb"].get(role, 0), peak_mb(process.pid))
        time.sleep(1)  # the server counts transactions a little later
        found["transactions"] = int(servers.sql(self.url, counted)) - committed
        found["chunks"] = int(servers.sql(self.url, """SELECT count(*) FROM crossfoot_chunk WHERE run_id =
            (SELECT run_id FROM crossfoot_run ORDER BY run_id DESC LIMIT 1)"""))
        whole = os.pread(log_fd, os.fstat(log_fd).st_size - began_at, began_at)
        found["stages"] = stages(whole.decode(errors="replace"))
        return found
