#!/usr/bin/env python3
"""Discovery against a model: random trees and queries, answered by the server and by a slow, obvious search over what was created; and
pages that are followed while resources come and go. COPSE_DISCOVERY_SEED repeats a run, COPSE_DISCOVERY_QUERIES sets how many
queries there are (400). Speaks TAP."""

import os
import random

from copse_harness import CIN, CNT, Server, comment, expect, expect_equal, main, rule

SEED = int(os.environ.get("COPSE_DISCOVERY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
QUERIES = int(os.environ.get("COPSE_DISCOVERY_QUERIES", "400"))
LABELS = ["red", "blue", "color:red", "color:blue", "x"]


class Node:
    def __init__(self, parent, name, ty, labels, mni):
        self.parent, self.name, self.ty, self.labels, self.mni = parent, name, ty, labels, mni
        self.children = []
        self.path = parent.path + "/" + name if parent else name
        if parent:
            parent.children.append(self)


class Tree:
    """The model, and the server that is to hold the same."""

    def __init__(self, client, chance):
        self.client, self.chance = client, chance
        self.root = Node(None, "cse-in", 5, [], None)
        self.nodes = []  # in the order of creation
        self.count = 0

    def create(self, parent=None):
        containers = [self.root] + [n for n in self.nodes if n.ty == CNT]
        parent = parent or self.chance.choice(containers)
        ty = CNT if parent is self.root or self.chance.random() < 0.5 else CIN
        self.count += 1
        node = Node(parent, "n%d" % self.count, ty, self.chance.sample(LABELS, self.chance.choice([0, 0, 1, 2])),
                    self.chance.randrange(1000, 1003) if ty == CNT else None)
        body = {"rn": node.name}
        if node.labels:
            body["lbl"] = node.labels
        if node.mni:
            body["mni"] = node.mni
        if ty == CIN:
            body["con"] = "c"
        answer = self.client.request("POST", "/" + parent.path, {"m2m:cnt" if ty == CNT else "m2m:cin": body}, ty)
        expect_equal(answer.rsc, 2001, "create %s" % node.path)
        self.nodes.append(node)
        return node

    def delete(self, node):
        expect_equal(self.client.request("DELETE", "/" + node.path).rsc, 2002, "delete %s" % node.path)
        gone = set(below(node)) | {node}
        node.parent.children.remove(node)
        self.nodes = [n for n in self.nodes if n not in gone]

    def relabel(self, node):
        node.labels = self.chance.sample(LABELS, self.chance.choice([0, 1, 2]))
        answer = self.client.request("PUT", "/" + node.path, {"m2m:cnt": {"lbl": node.labels or None}})
        expect_equal(answer.rsc, 2004, "label %s" % node.path)


def below(node):
    for child in node.children:
        yield child
        yield from below(child)


def depth_below(node, top):
    depth = 0
    while node is not top:
        node, depth = node.parent, depth + 1
    return depth


class Query:
    """Random conditions, as a query string and as a predicate."""

    def __init__(self, chance):
        parts, self.tests = [], []
        if chance.random() < 0.5:
            some = chance.sample(LABELS, chance.choice([1, 2]))
            parts.append("lbl=" + "+".join(some))
            self.tests.append(lambda n: any(label in n.labels for label in some))
        if chance.random() < 0.4:
            types = chance.sample([CNT, CIN, 2], chance.choice([1, 2]))
            parts.append("ty=" + "+".join(map(str, types)))
            self.tests.append(lambda n: n.ty in types)
        if chance.random() < 0.2:
            mni = chance.randrange(1000, 1003)
            parts.append("mni=%d" % mni)
            self.tests.append(lambda n: n.mni == mni)
        if chance.random() < 0.2:
            parent_label = chance.choice(LABELS)
            parts.append("palb=" + parent_label)
            self.tests.append(lambda n: parent_label in n.parent.labels)
        if chance.random() < 0.2:
            child_label = chance.choice(LABELS)
            parts.append("clbl=" + child_label)
            self.tests.append(lambda n: any(child_label in c.labels for c in n.children))
        if chance.random() < 0.1:
            parts.append("lbq=NT%20color")
            self.tests.append(lambda n: not any(label.startswith("color") for label in n.labels))
        self.is_any = chance.random() < 0.3
        if self.is_any:
            parts.append("fo=2")
        self.level = chance.choice([None, None, 1, 2])
        if self.level:
            parts.append("lvl=%d" % self.level)
        self.text = "&".join(parts)

    def holds(self, node, top):
        if self.level and depth_below(node, top) > self.level:
            return False
        if not self.tests:
            return True
        return (any if self.is_any else all)(test(node) for test in self.tests)


def page(client, path, query, limit, offset):
    text = "/%s?fu=1&lim=%d&%s" % (path, limit, query)
    answer = client.request("GET", text + ("&ofst=%s" % offset if offset else ""))
    expect_equal(answer.rsc, 2000, text)
    uris = answer.json["m2m:uril"]
    expect(len(uris) <= limit, "%s: %d results" % (text, len(uris)))
    return uris, answer.header("X-M2M-CTO") if answer.header("X-M2M-CTS") == "1" else None


def follow(client, path, query, limit, between=lambda: None):
    found, offset = [], None
    for _ in range(10000):
        uris, offset = page(client, path, query, limit, offset)
        found += uris
        if not offset:
            return found
        between()
    raise AssertionError("the pages have no end")


def flatten(resource):
    """The names in a nested listing."""
    for name, children in resource.items():
        for child in children if ":" in name else []:
            yield child["rn"]
            yield from flatten(child)


@rule("discovery finds what a search through everything finds, in the order of creation")
def compared_with_a_model():
    comment("COPSE_DISCOVERY_SEED=%d" % SEED)
    chance = random.Random(SEED)
    with Server(store_type="memory") as server, server.client() as client:
        tree = Tree(client, chance)
        for _ in range(150):
            tree.create()
        for _ in range(QUERIES):
            change = chance.random()
            containers = [n for n in tree.nodes if n.ty == CNT]
            if change < 0.3:
                tree.create()
            elif change < 0.4 and len(tree.nodes) > 100:
                tree.delete(chance.choice(tree.nodes))
            elif change < 0.5:
                tree.relabel(chance.choice(containers))
            top = chance.choice([tree.root] + [n for n in tree.nodes if n.ty == CNT])
            query = Query(chance)
            inside = set(below(top))
            wanted = [n.path for n in tree.nodes if n in inside and query.holds(n, top)]
            seen = follow(client, top.path, query.text, chance.choice([3, 1000]))
            expect_equal(seen, wanted, "%s?%s" % (top.path, query.text))


@rule("nested pages hold everything below the target exactly once")
def nested_pages():
    chance = random.Random(SEED)
    for settings in ({}, {"limits.discovery-results": "7"}):
        with Server(store_type="memory", settings=settings) as server, server.client() as client:
            tree = Tree(client, chance)
            for _ in range(120):
                tree.create()
            for limit in (1, 2, 5, 50):
                found, offset = [], None
                while True:
                    answer = client.request("GET", "/cse-in?rcn=8&lim=%d%s" % (limit, "&ofst=" + offset if offset else ""))
                    expect_equal(answer.rsc, 2000, "a page")
                    found += flatten(answer.json["m2m:cb"])
                    offset = answer.header("X-M2M-CTO")
                    if not offset:
                        break
                expect_equal(sorted(found), sorted(n.name for n in tree.nodes), "limit %d" % limit)


@rule("what exists throughout is on exactly one page, whatever comes and goes meanwhile")
def stable_pages():
    chance = random.Random(SEED)
    with Server(store_type="memory") as server, server.client() as client:
        tree = Tree(client, chance)
        for _ in range(150):
            tree.create()
        for _ in range(10):
            begun = set(tree.nodes)

            def change():
                for _ in range(3):
                    tree.create()
                tree.delete(chance.choice([n for n in tree.nodes if not n.children]))

            found = follow(client, "cse-in", "", 17, change)
            stayed = [n.path for n in tree.nodes if n in begun]
            expect_equal(len(found), len(set(found)), "results that are there twice")
            expect_equal([path for path in found if path in set(stayed)], stayed, "results")


if __name__ == "__main__":
    main()
