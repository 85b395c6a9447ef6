"""Compares the names under deploy/ with those of the program, and rendered charts with the schemas of Kubernetes.

    check_names.py DASHBOARD-RULES RENDERED...

Writes the expressions of the dashboard to DASHBOARD-RULES as recording rules, so that promtool can read them.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
# Resources whose schemas come with their operators, and not with Kubernetes.
FOREIGN = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PodMonitor", "PrometheusRule"}
# Where processes of the fleet register what they count.
COUNTERS = ["worker/src/metrics.rs", "coordinator/src/metrics.rs", "shared/monitor/src/process.rs"]
KUBERNETES = "1.34"

wrong = []
notes = []


def text(path):
    return (ROOT / path).read_text()


def known_metrics():
    """Names of metrics, as docs/observability.md lists them, each with the names of its series. That the list is what
    processes serve is tested with the program (cli/tests/fleet/metrics.rs); here it is compared with the sources."""
    listed = re.findall(r"^\| `(crossfoot_\w+)` \| (\w+) \|", text("docs/observability.md"), re.M)
    source = text("console/src/metrics.rs")
    registered = re.findall(r'gauges(?:::<\w+>)?\(\s*&?(?:mut )?registry,\s*"(\w+)"', source)
    for path in ["console/src/metrics.rs", *COUNTERS]:
        registered += re.findall(r'register\(\s*"(\w+)"', text(path))
    bare = {name.removesuffix("_total") if kind == "counter" else name for name, kind in listed}
    for name in sorted(bare ^ {f"crossfoot_{name}" for name in registered}):
        wrong.append(f"{name}: is registered and not in docs/observability.md, or the other way")
    ends = lambda kind: ["_bucket", "_sum", "_count"] if kind == "histogram" else [""]
    return {name: {name + end for end in ends(kind)} for name, kind in listed}


def known_values():
    """Values of the labels `state`, `role` and `queue`."""
    quoted = lambda path: set(re.findall(r'"([a-z.-]+)"', text(path)))
    queues = set(re.findall(r'=> "(crossfoot\.[a-z-]+)"', text("shared/broker/src/lib.rs")))
    states = quoted("domain/src/lifecycle.rs") | quoted("coordinator/src/ops/views/workers.rs")
    return {"state": states, "role": quoted("domain/src/counts.rs"), "queue": queues}


def check_expression(where, expression, metrics, values):
    for name in re.findall(r"\bcrossfoot_\w+", expression):
        if not any(name in series for series in metrics.values()):
            wrong.append(f"{where}: no process has a metric {name}")
    for label, found in re.findall(r'\b(state|role|queue)=~?"([^"]*)"', expression):
        for value in found.split("|"):
            if value not in values[label]:
                wrong.append(f"{where}: {label} is never {value}")


def anchors(path):
    words = lambda line: re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
    return {words(line) for line in text(path).splitlines() if line.startswith("#")}


def check_rules(metrics, values):
    groups = yaml.safe_load(text("deploy/prometheus/crossfoot-rules.yml"))["groups"]
    tested = text("deploy/prometheus/crossfoot-rules-test.yml")
    has_page = (ROOT / "docs/operators.md").exists()
    if not has_page:
        notes.append("docs/operators.md is not there: the headings that runbooks name are not compared")
    for rule in (rule for group in groups for rule in group["rules"]):
        name = rule["alert"]
        check_expression(name, rule["expr"], metrics, values)
        page, _, heading = rule["annotations"]["runbook"].partition("#")
        if page != "docs/operators.md" or not heading:
            wrong.append(f"{name}: the runbook is not a heading of docs/operators.md")
        elif has_page and heading not in anchors(page):
            wrong.append(f"{name}: {page} has no heading {heading}")
        if f"alertname: {name}\n" not in tested:
            wrong.append(f"{name}: crossfoot-rules-test.yml has no case in which it fires")


def check_dashboard(metrics, values, out):
    dashboard = json.loads(text("deploy/grafana/crossfoot.json"))
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        wrong.append("dashboard: two panels have the same id")
    cells, rules = {}, []
    for panel in panels:
        at, title = panel["gridPos"], panel["title"]
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if cell[0] >= 24 or cell in cells:
                wrong.append(f"dashboard: {title} overlaps {cells.get(cell, 'the edge')}")
                break
            cells[cell] = title
        for target in panel.get("targets", []):
            check_expression(f"dashboard, {title}", target["expr"], metrics, values)
            rules.append({"record": f"panel:{len(rules)}", "expr": target["expr"].replace("$job", ".*")})
    shown = {name for rule in rules for name in re.findall(r"\bcrossfoot_\w+", rule["expr"])}
    for name in sorted(name for name, series in metrics.items() if not series & shown):
        wrong.append(f"dashboard: {name} is not shown")
    Path(out).write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))


def check_settings(where, toml):
    """Every key is one that the program reads."""
    keys = set(re.findall(r"^### `([a-z_.]+)`$", text("docs/settings-keys.md"), re.M))
    for section, table in toml.items():
        for key in table:
            if f"{section}.{key}" not in keys:
                wrong.append(f"{where}: the settings have no key {section}.{key}")


def check_pod(where, spec):
    if not spec["securityContext"].get("runAsNonRoot"):
        wrong.append(f"{where}: may run as root")
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in spec["containers"] + spec.get("initContainers", []):
        of = container["securityContext"]
        if not of["readOnlyRootFilesystem"] or of["allowPrivilegeEscalation"] or of["capabilities"] != {"drop": ["ALL"]}:
            wrong.append(f"{where}: {container['name']} may do more than it needs")
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                wrong.append(f"{where}: no volume {mount['name']}")
        args = container["args"]
        if "--drain-seconds" in args:
            drain = int(args[args.index("--drain-seconds") + 1])
            if spec["terminationGracePeriodSeconds"] <= drain:
                wrong.append(f"{where}: is killed before it has drained")


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def check_rendered(path, queues):
    where = Path(path).stem
    documents = [one for one in yaml.safe_load_all(Path(path).read_text()) if one]
    pods = [(f"{where}, {one['metadata']['name']}", one["spec"]["template"]) for one in documents if one["kind"] == "Deployment"]
    deployments = {one["metadata"]["name"]: one for one in documents if one["kind"] == "Deployment"}
    for name, template in pods:
        check_pod(name, template["spec"])
    for one in documents:
        kind, name = one["kind"], f"{where}, {one['kind']} {one['metadata']['name']}"
        labels = [template["metadata"]["labels"] for _, template in pods]
        selector = {
            "Service": lambda spec: spec["selector"],
            "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
            "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
        }.get(kind)
        if selector and not any(selects(selector(one["spec"]), of) for of in labels):
            wrong.append(f"{name}: selects no pod")
        if kind == "Pod":
            check_pod(name, one["spec"])
        if kind == "ConfigMap" and "crossfoot.toml" in one["data"]:
            check_settings(name, tomllib.loads(one["data"]["crossfoot.toml"]))
        if kind == "ScaledObject":
            target = deployments.get(one["spec"]["scaleTargetRef"]["name"])
            if target is None or "replicas" in target["spec"]:
                wrong.append(f"{name}: scales nothing, or something with a number of its own")
            for trigger in one["spec"]["triggers"]:
                queue = trigger["metadata"].get("queueName")
                if queue and not any(queue.endswith(known) for known in queues):
                    wrong.append(f"{name}: there is no queue {queue}")
                query = trigger["metadata"].get("query")
                if query:
                    check_expression(name, query, known_metrics(), known_values())
    check_schemas(where, documents)


def check_schemas(where, documents):
    try:
        import kubernetes_validate
    except ImportError:
        notes.append("kubernetes-validate is not installed: rendered charts are not compared with Kubernetes' schemas")
        return
    for one in documents:
        if one["kind"] in FOREIGN:
            notes.append(f"{one['kind']}: its schema is its operator's, and not compared")
            continue
        try:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{where}, {one['kind']} {one['metadata']['name']}: {error.message} at {list(error.path)}")


def main():
    out, *rendered = sys.argv[1:]
    metrics, values = known_metrics(), known_values()
    if len(metrics) < 5 or not all(values.values()):
        wrong.append("the names of metrics, states, roles or queues are not found: has the code moved?")
    check_rules(metrics, values)
    check_dashboard(metrics, values, out)
    check_settings("deploy/systemd/crossfoot.toml.example", tomllib.loads(text("deploy/systemd/crossfoot.toml.example")))
    for path in rendered:
        check_rendered(path, values["queue"])
    for note in dict.fromkeys(notes):
        print(f"skipped: {note}")
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
