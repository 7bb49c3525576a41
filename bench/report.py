"""Prints bench/results/*.json as tables: report.py [--write], which puts them into bench/RESULTS.md instead, between
its two marks."""

import json
import sys

from common import RESULTS, ROOT

BEGIN, END = "<!-- tables: made by bench/report.py -->", "<!-- end of tables -->"


def load(name):
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
    yield ""


def span(quartiles, digits=1):
    """median (lower to upper quartile)"""
    low, mid, high = (f"{value:.{digits}f}" for value in quartiles)
    return f"{mid} ({low} to {high})"


def one_certificate(data):
    yield "### One certificate, known account, fresh name (Pebble 2.10, loopback)"
    yield ""
    rows = [
        (name, row["version"], row["runs"], f"{row['requests']:g}", span(row["wall_ms"]), span(row["cpu_ms"]))
        for name, row in data["clients"].items()
    ]
    yield from table(("client", "version", "runs", "requests", "wall ms", "CPU ms, all processes"), rows)
    rows = [(pair, f"{both['wall']:.3f}", f"{both['cpu']:.2f}") for pair, both in data["ratios"].items()]
    yield from table(("ratio (median of pairs)", "wall", "CPU"), rows)


def at_caddy(data):
    yield "### HTTPS requests for one certificate at Caddy's CA"
    yield ""
    rows = [(n, r["version"], f"{r['requests']:g}", ", ".join(r["kinds"])) for n, r in data["clients"].items()]
    yield from table(("client", "version", "requests", "which"), rows)


def many(data):
    count = data["count"]
    yield f"### {count} certificates at once, beside lego {count} times"
    yield ""
    rows, costs = [], []
    for version, one in data["pebble"].items():
        walls = " ".join(f"{r['wall_s']:.2f}" + ("" if r["complete"] else " (not all)") for r in one["rounds"])
        for name, lego in one["lego"].items():
            ratio = one["wall_ratio"][name]
            rows.append(
                (
                    f"Pebble {version}",
                    walls,
                    f"{name} {lego['version']}",
                    f"{lego['wall_s_each'] * count:.0f} ({lego['runs']} runs of {lego['wall_s_each']:.2f} s)",
                    f"{ratio:.4f}" if ratio else "-",
                )
            )
        for number, r in enumerate(one["rounds"]):
            cpu = r["cpu_ms"]
            ours = sum(cpu[name] for name in ("parent", "keeper", "engine", "responder"))
            costs.append(
                (f"Pebble {version}, {number + 1}", r["requests_each"], f"{ours / count:.2f}")
                + tuple(f"{cpu[name] / count:.2f}" for name in ("parent", "keeper", "engine", "responder"))
                + (f"{(cpu['pebble'] + cpu['its DNS']) / count:.2f}",)
            )
    yield from table(("CA", "evercert, each round, s", "beside", "s", "ratio of wall time"), rows)
    yield from table(
        ("per certificate", "requests", "CPU ms, ours", "parent", "keeper", "engine", "responder", "CPU ms, Pebble"), costs
    )


def issuing(data):
    count = data["count"]
    yield f"### {count} certificates through the daemon, beside their cryptography and beside Pebble {data['pebble']}"
    yield ""
    names = ("parent", "keeper", "engine", "responder")
    rows = []
    for number, one in enumerate(data["rounds"]):
        each = one["each"]
        cells = [f"{one['ours']:.2f}", *(f"{each[name]:.2f}" for name in names)]
        cells += [f"{one['crypto']:.2f}", f"{one['beyond']:.2f}"]
        cells += [f"{each['pebble'] + each['its DNS']:.2f}", f"{one['of_the_ca']:.2f}"]
        rows.append((f"round {number + 1}" + ("" if one["complete"] else " (not all)"), f"{one['wall_s']:.1f}", *cells))
    m = data["medians"]
    beyond = (f"{m['crypto']:.2f}", f"{m['beyond']:.2f}")
    rows.append(("median", "", f"{m['ours']:.2f}", "", "", "", "", *beyond, "", f"{m['of_the_ca']:.2f}"))
    head = ("per certificate", "all of them, s", "CPU ms, ours", *names, "cryptography alone", "ours beyond it")
    yield from table((*head, "CPU ms, Pebble", "ours of Pebble's"), rows)


def responder(data):
    nginx = data["versions"]["nginx"]
    yield f"### http-01 responder beside nginx {nginx}, one core each ({data['rounds']} runs each, in turns)"
    yield ""
    rows = []
    for one in data["rows"]:
        ours, theirs = one["evercert"], one["nginx"]
        cells = [f"{side['requests_s'][1]:.0f}" for side in (ours, theirs)] + [f"{one['ratio']:.2f}"]
        cells += [f"{side['cpu_us'][1]:.1f}" for side in (ours, theirs)] + [f"{one['cpu_ratio']:.2f}"]
        rows.append(("kept" if one["kept"] else "a new one for each request", one["connections"], *cells))
    head = ("connections", "at once", "requests/s, evercert", "nginx", "ratio")
    head += ("CPU us a request, evercert", "nginx", "ratio")
    yield from table(head, rows)
    yield f"### True challenges while others hold {data['idle']} idle and {data['dripping']} dripping connections"
    yield ""
    rows = [
        (one["descriptors"], f"{one['within_a_second']} of {one['asked']}", span(one["took_ms"]))
        + (one["longest_ms"], one["cpu_share"], one["pss_kib"])
        for one in data["crowds"]
    ]
    head = ("limit on descriptors", "answered within a second", "ms", "longest, ms", "share of a core", "Pss KiB")
    yield from table(head, rows)


def batch(data):
    count, connections, certbot = data["count"], data["connections"], data["certbot"]
    yield f"### {count} certificates of one nginx renewed in one pass, under wrk"
    yield ""
    kinds = [
        (f"evercert, {count} certificates, `batch: true`", data["rounds"]["batch"]),
        (f"evercert, {count} certificates, no batch", data["rounds"]["each"]),
    ]
    if certbot:
        kinds.append((f"certbot {certbot['version']}, {certbot['count']} certificates", certbot["rounds"]))
    kinds.append(("nobody: one SIGHUP by hand", data["rounds"]["by_hand"]))

    def failed(seen):
        return sum(number for kind, number in seen.items() if kind != "requests")

    rows = []
    for name, rounds in kinds:
        cells = [" ".join(f"{one['wall_s']:.2f}" for one in rounds)]
        cells += [" ".join(str(one[what]) for one in rounds) for what in ("renewed", "hooks", "reloads")]
        for kind in ("closed", "curl", "kept"):
            seen = [one["visitors"][kind] for one in rounds]
            cells.append(f"{' '.join(str(failed(one)) for one in seen)} of {sum(one['requests'] for one in seen)}")
        rows.append((name, *cells))
    head = ("renewed by", "each round, s", "renewed", "hooks run", "reloads of nginx")
    visitors = ("failed at wrk, a connection for each request", "at curl", f"at wrk, {connections} connections kept")
    yield from table((*head, *visitors), rows)


def at_rest(data):
    yield f"### A daemon at rest with {data['certificates']} certificates"
    yield ""
    names = ("parent", "keeper", "engine", "responder", "all")
    fresh, used = data["pss_kib_after_start"], data["pss_kib_after_a_renewal"]

    def kib(row, name):
        return row[name] if name == "all" else row[name]["pss"]

    rows = [
        (name, kib(fresh, name), kib(used, name), data["wake_ups"][name]) for name in names if name in data["wake_ups"]
    ]
    yield from table(("process", "Pss KiB after start", "after a renewal", f"wake-ups in {data['seconds']} s"), rows)


def size(data):
    yield "### Installed size"
    yield ""
    rows = [(path, count) for path, count in data["files"].items()] + [("**all of evercert**", data["bytes"])]
    yield from table(("file", "bytes"), rows + list(data["peers"].items()))


def start_up(data):
    yield f"### Starting ({data['rounds']} runs each)"
    yield ""
    rows = [(name, span(row["wall_ms"]), span(row["cpu_ms"])) for name, row in data["commands"].items()]
    yield from table(("command", "wall ms", "CPU ms"), rows)


def hundred_thousand(data):
    yield f"### `evercert list` of many certificates from a daemon ({data['rounds']} runs each)"
    yield ""
    rows = []
    for count, one in data["list"].items():
        for name, what in (("json", "`list --json`"), ("table", "`list`")):
            peak, before, after = one[name]["peak_kib"], one["before_kib"], one["after_kib"]
            memory = [f"{before[who]} / {peak[who]} / {after[who]}" for who in ("engine", "parent")]
            rows.append((count, what, span(one[name]["wall_ms"]), *memory, peak["command"]))
    memory = "Pss KiB before / most meanwhile / after"
    yield from table(("certificates", "command", "wall ms", f"engine: {memory}", "parent", "command: most"), rows)


def hundred_thousand_start(data):
    yield f"### Start, rest, reload and a pass with nothing due ({data['rounds']} runs each)"
    yield ""
    of = {}
    for row in data["rows"]:
        of.setdefault((row["source"], row["certificates"]), {})[row["part"]] = row
    rows = []
    for (source, count), parts in of.items():
        start, rest, reload, due = (parts.get(name, {}) for name in ("start", "memory", "reload", "pass"))
        rows.append((
            count, source,
            *(span(start[kind]["ready_ms"]) if start else "-" for kind in ("clean stop", "SIGKILL")),
            rest["pss_kib"]["all"] if rest else "-", rest.get("cpu_s_a_day", "-"),
            f"{span(reload['reload_ms'])}, longest command {reload['longest_command_ms']}" if reload else "-",
            span(due["renew_ms"]) if due else "-",
        ))  # fmt: skip
    head = ("certificates", "declared by", "ready after a stop, ms", "after SIGKILL, ms", "Pss KiB of all, at rest",
            "CPU s a day, at rest", "reload, ms", "`renew`, nothing due, ms")  # fmt: skip
    yield from table(head, rows)


def moving_in(data):
    yield f"### {data['count']} lineages of certbot imported"
    yield ""
    rows = [(f"{wall:.2f}", f"{cpu:.2f}") for wall, cpu in zip(data["wall_s"], data["cpu_s"])]
    yield from table(("wall s", "CPU s, all processes"), rows)
    yield f"Requests to the CA: {data['requests']}."
    yield ""


def dns_records(data):
    one, many = data["one_order"], data["many"]
    yield f"### dns-01: {one['names']} names in one order, three zones, two providers"
    yield ""
    rows = [(r["wall_s"], r["slowest_propagation_s"], r["beyond_s"]) for r in one["rounds"]]
    yield from table(("whole command s", "slowest propagation s", "beyond it s"), rows)
    yield f"### dns-01: {many['count']} certificates by rfc2136 to BIND, through the daemon"
    yield ""
    rows = [("evercert", "", f"{many['wall_s_each']:.3f}", "")]
    for name, row in data["others"].items():
        ratio = data["wall_ratio"][name]
        rows.append((name, row["version"], f"{row['wall_s_each']:.3f}", f"{1 / ratio:.0f}" if ratio else ""))
    yield from table(("client", "version", "s each", "times evercert's"), rows)
    yield ""


def containers(data):
    one, storm, whole = data["at_start"], data["storm"], data["end_to_end"]
    yield f"### {one['containers']} labelled containers in one engine, at the start of a daemon"
    yield ""
    rows = [
        ("evercert: from its start until every request is granted", span(one["granted_s"], 2)),
        ("... and has its permit and its row in the store", span(one["managed_s"], 2)),
        ("`docker ps` and `docker inspect` of them all, the same engine", span(one["docker_ps_and_inspect_s"], 2)),
        ("of which `docker ps`", span(one["docker_ps_s"], 2)),
    ]
    yield from table(("what", "s"), rows)
    rows = [(f"{one['watcher_pss_kib']:.0f}", f"{one['watcher_rss_kib']:.0f}", one["watcher_cpu_ms"])]
    yield from table(("watcher, Pss KiB", "Rss KiB", "CPU ms"), rows)
    yield f"### {storm['events']} events within {storm['lasted_s']:.0f} s, a template over what runs"
    yield ""
    rows = [(storm[k] for k in ("outputs", "last_state_after_s", "inspections", "watcher_cpu_ms", "watcher_pss_kib"))]
    head = ("new outputs, each told", "last state reached after the last event, s", "containers asked for", "CPU ms", "Pss KiB")
    yield from table(head, rows)
    if whole:
        yield "### From `docker run` to nginx that serves the certificate"
        yield ""
        rows = [(whole["docker"], whole["rounds"], span(whole["served_s"], 2), span(whole["docker_run_s"], 2))]
        yield from table(("Docker", "runs", "s", "of which docker run, s"), rows)


PARTS = (
    ("one-certificate", one_certificate),
    ("requests-at-caddy", at_caddy),
    ("many-certificates", many),
    ("issuing", issuing),
    ("responder", responder),
    ("batch-reload", batch),
    ("at-rest", at_rest),
    ("size", size),
    ("start-up", start_up),
    ("hundred-thousand", hundred_thousand),
    ("hundred-thousand-start", hundred_thousand_start),
    ("moving-in", moving_in),
    ("dns-records", dns_records),
    ("containers", containers),
)


def lines():
    found = [(load(name), render) for name, render in PARTS]
    machine = next((data["machine"] for data, _ in found if data), None)
    if machine:
        loads = [data["machine"]["load"] for data, _ in found if data]
        yield (
            f"Machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB; {machine['system']}, "
            f"Linux {machine['kernel']}; load average at the end of the parts {min(loads)} to {max(loads)}. "
            f"evercert {', '.join(sorted({data['machine']['commit'] for data, _ in found if data}))}."
        )
        yield ""
    for data, render in found:
        if data:
            yield from render(data)


def main():
    text = "\n".join(lines())
    if "--write" not in sys.argv[1:]:
        print(text)
        return
    path = ROOT / "bench/RESULTS.md"
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
    print("bench: bench/RESULTS.md")


main()
