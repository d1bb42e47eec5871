#!/usr/bin/env python3
"""test_schemas: what the encoders write of every type and root, and what the server answers while the scenarios run over HTTP in JSON
and XML, is valid by the schemas that describe prints, as xmllint and jsonschema judge; and what is spoilt is not. Speaks TAP."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import jsonschema

BUILD = pathlib.Path(os.environ["top_builddir"])
EMIT = BUILD / "emit_documents"


def xml_faults(xsd, files):
    """The lines of xmllint about files that are not valid."""
    result = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", str(xsd), *map(str, files)],
                            capture_output=True, text=True, check=False)
    return [line for line in result.stderr.splitlines() if not line.endswith(" validates")]


def spoilt(path, old, new):
    """A copy of a file of the directory with one thing wrong."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old}"
    copy = path.with_name("spoilt-" + path.name)
    copy.write_text(text.replace(old, new, 1), encoding="utf-8")
    return copy


def check_xml(directory):
    faults = []
    for xsd in directory.glob("*.xsd"):
        files = sorted(directory.glob(xsd.stem + "-*.xml"))
        faults += xml_faults(xsd, files) if files else [f"no documents for {xsd.name}"]
    return faults


def check_spoilt_xml(directory):
    xsd = directory / "m2m.xsd"
    document = next(p for p in sorted(directory.glob("m2m-*.xml")) if "<m2m:cnt " in p.read_text(encoding="utf-8"))
    changes = [("<mni>", "<mni>x"), ("<st>", "<unknown/><st>"), (" rn=", " mni="), ("<ty>", "<ty>99999"),
               ("<m2m:cnt ", "<m2m:none ")]
    return [f"{old} -> {new} is valid" for old, new in changes if not xml_faults(xsd, [spoilt(document, old, new)])]


def json_documents(directory):
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted(directory.glob("*-*.json"))]


def check_json(directory):
    schema = json.loads((directory / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message}"[:300] for document in json_documents(directory)
            for error in validator.iter_errors(document)]


def check_spoilt_json(directory):
    validator = jsonschema.Draft202012Validator(json.loads((directory / "schema.json").read_text(encoding="utf-8")))
    container = next(d for d in json_documents(directory) if "m2m:cnt" in d)
    changes = [{"mni": "x"}, {"mni": -1}, {"rn": "a b"}, {"ty": 99999}, {"lbl": []}, {"disr": "true"}]
    return [f"{change} is valid" for change in changes
            if validator.is_valid({"m2m:cnt": {**container["m2m:cnt"], **change}})]


def answers(directory, transport, ending):
    """What the server answers in a run of all scenarios, as files."""
    kept = directory / transport
    kept.mkdir()
    subprocess.run([str(BUILD / "test_scenarios"), "-c", "-o", transport], env={**os.environ, "COPSE_ANSWERS": str(kept)},
                   stdout=subprocess.DEVNULL, check=False)  # whether they pass is their own test's affair
    files = sorted(kept.glob("*." + ending))
    print(f"# {len(files)} different answers over {transport}")
    return files


def check_xml_answers(directory):
    files, faults = answers(directory, "http+xml", "xml"), []
    for i in range(0, len(files), 500):
        faults += xml_faults(directory / "m2m.xsd", files[i:i + 500])
    return faults if len(files) > 1000 else faults + ["too few answers"]


def check_json_answers(directory):
    files = answers(directory, "http", "json")
    validator = jsonschema.Draft202012Validator(json.loads((directory / "schema.json").read_text(encoding="utf-8")))
    faults = [f"{path.name}: {error.json_path}: {error.message}"[:300] for path in files
              for error in validator.iter_errors(json.loads(path.read_text(encoding="utf-8")))]
    return faults if len(files) > 1000 else faults + ["too few answers"]


CHECKS = [
    (check_xml, "xmllint finds every XML document valid"),
    (check_spoilt_xml, "xmllint finds spoilt ones not valid"),
    (check_json, "jsonschema finds every JSON document valid"),
    (check_spoilt_json, "jsonschema finds spoilt ones not valid"),
    (check_json_answers, "jsonschema finds every answer of a run of the scenarios valid"),
    (check_xml_answers, "xmllint finds every answer of a run of the scenarios valid"),
]


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        seed = subprocess.run([str(EMIT), name], capture_output=True, text=True, check=True).stdout.strip()
        print(f"1..{len(CHECKS)}\n# {seed}, {len(list(pathlib.Path(name).glob('*.xml')))} documents")
        for number, (check, title) in enumerate(CHECKS, 1):
            faults = check(pathlib.Path(name))
            for line in faults[:20]:
                print("#", line)
            print("not ok" if faults else "ok", number, "-", title)
            failures += bool(faults)
    return 1 if failures else 0


sys.exit(main())
