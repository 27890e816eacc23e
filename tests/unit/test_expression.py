from __future__ import annotations

import threading

import pytest

from tidegate.kernel import expression
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import (
    DEPTH_MAX,
    LIST_MAX,
    SOURCE_MAX,
    STEPS_MAX,
    TEXT_MAX,
    Missing,
    compile_hole,
)

SCOPE: dict[str, Json] = {
    "source": "/crm/data/ingestion",
    "data": {
        "dataset_name": "customer_transactions",
        "business_date": "2024-01-15",
        "ingestion_status": "success",
        "record_count": 15000,
        "data_quality_score": 0.98,
        "rows": [{"n": 1}, {"n": 0}, {"n": 7}],
        "odd key": 3,
        "nothing": None,
        "long": "x" * 70_000,
    },
    "one": 1,
    "half": 0.5,
    "yes": True,
    "word": "Abc",
    "list": [1, 2.0, "x"],
    "map": {"k": 3},
}

LARGE: dict[str, Json] = {
    "l": list(range(1000)),
    "t": "x" * 20_000,
    "long": "y" * (TEXT_MAX + 1),
    "big": [[n] for n in range(600_000)],
    "other": [[n] for n in range(600_000)],
}


def stage(env: str, type: str = "raw") -> str:
    return f"{env}||{type}"


def raising() -> str:
    raise RuntimeError("no database")


def evaluate(source: str) -> Json:
    return expression.compile(source, functions={"stage": stage, "raising": raising}).evaluate(
        SCOPE
    )


def fault(source: str, **names: frozenset[str]) -> InputError:
    with pytest.raises(InputError) as caught:
        expression.compile(
            source,
            functions={"stage": stage, "raising": raising},
            **names,
        ).evaluate(SCOPE)
    return caught.value


# ---- values
@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1", 1), ("-1", -1), ("0x1F", 31), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0),
        ("-9223372036854775808", -(2**63)), ("true", True), ("null", None),
        ('"a\\n\\t\\\\\\x41\\u00e9\\U0001D11E\\101\\""', 'a\n\t\\Aé𝄞A"'),
        (r"r'\n'", "\\n"), ('R"\\"', "\\"),
        ('"""a "b"\n"""', 'a "b"\n'), ("'''a'b'''", "a'b"), ("r'''\\'''", "\\"),
        ("[1, 'a', [true],]", [1, "a", [True]]), ("{'a': 1, 'b': {'c': []}}", {"a": 1, "b": {"c": []}}),
        ("// why\n1 // because", 1), ("one\n+\tone", 2),
    ],
)  # fmt: skip
def test_literals(source: str, value: Json) -> None:
    answer = evaluate(source)

    assert (type(answer), answer) == (type(value), value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5), ("(1 + 2) * 3", 9), ("7 / 2", 3), ("-7 / 2", -3), ("7 % 3", 1),
        ("-7 % 3", -1), ("7 % -3", 1), ("1.0 / 4.0", 0.25), ("2 - -1", 3), ("-one", -1),
        ("--one", 1), ("one + half", 1.5), ("'a' + 'b'", "ab"), ("[1] + list", [1, 1, 2.0, "x"]),
        ("10 - 3 - 2", 5), ("2 * 3 % 4", 2),
    ],
)  # fmt: skip
def test_arithmetic(source: str, value: Json) -> None:
    answer = evaluate(source)

    assert (type(answer), answer) == (type(value), value)


@pytest.mark.parametrize(
    "source",
    [
        "1 == 1.0", "1 != '1'", "true != 1", "null == null", "[1, {'a': 2}] == [1.0, {'a': 2.0}]",
        "map == {'k': 3}", "map != {'k': 3, 'j': 1}", "[true] != [1]", "1 < 1.5", "'B' < 'a'",
        "false < true", "word >= 'Abc'", "2 in list", "!(true in [1])", "'k' in map",
        "!(1 in map)", "one in [half, 1]", "[1] in [[1.0]]", "map in [map]", "1 == one",
        "data.ingestion_status in ['success', 'partial']", "!('a' in [])", "9007199254740993 != 9007199254740992.0",
        "one == 1 && half < 1 || false", "false || one == 2 || yes", "!false && !!yes", "yes ? yes : 1",
        "has(data.rows) && !has(data.row) && !has(dat.a.b) && has(data.nothing)",
        "has(data['odd key']) && has(list[2]) && !has(list[3]) && has(one) && !has(two)",
        "yes == !false", "one == 1 == true",
    ],
)  # fmt: skip
def test_what_is_true(source: str) -> None:
    assert evaluate(source) is True


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("data.rows[0].n", 1), ("data['rows'][2]['n']", 7), ("data['odd key']", 3), ("map[lower]", 3),
        ("[{'a': 5}][0].a", 5), ("{'a': {'b': 6}}.a.b", 6), ("data.nothing", None),
        ("[1, 2][one]", 2), ("false ? 1 : true ? 2 : 3", 2), ("yes ? 'a' : missing", "a"),
    ],
)  # fmt: skip
def test_fields_elements_and_choices(source: str, value: Json) -> None:
    scope = {**SCOPE, "lower": "k"}

    assert expression.compile(source).evaluate(scope) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("data.rows.all(r, r.n >= 0)", True), ("data.rows.all(r, r.n > 0)", False),
        ("data.rows.exists(r, r.n == 7)", True), ("data.rows.exists(r, r.n == 8)", False),
        ("data.rows.exists_one(r, r.n == 0)", True), ("data.rows.exists_one(r, r.n >= 0)", False),
        ("data.rows.filter(r, r.n > 0).map(r, r.n * 2)", [2, 14]),
        ("data.rows.map(r, r.n > 0, r.n)", [1, 7]), ("map.map(key, key + '!')", ["k!"]),
        ("[[1, 2], [3]].map(row, row.map(cell, cell + one))", [[2, 3], [4]]),
        ("[1].map(one, one + 1)", [2]), ("[].all(x, x)", True), ("[].exists(x, x)", False),
        ("[1, 'a'].exists(x, x > 0)", True), ("['a', 0].all(x, x > 0)", False),
    ],
)  # fmt: skip
def test_loops(source: str, value: Json) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("size('aé𝄞')", 3), ("size(list) + map.size()", 4), ("word.contains('b')", True),
        ("word.startsWith('A')", True), ("word.endsWith('A')", False), ("word.matches('^[A-Z]b')", True),
        ("matches(word, 'c$')", True), ("word.matches('^' + 'b')", False), ("word.lowerAscii()", "abc"),
        ("'éa'.upperAscii()", "éA"), ("' \\u00a0a '.trim()", "a"), ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]), ("'a,b'.split(',', 0)", []), ("'abc'.split('')", ["a", "b", "c"]),
        ("'abc'.split('', 2)", ["a", "bc"]), ("['a', 'b'].join('-')", "a-b"), ("['a', 'b'].join()", "ab"),
        ("[].join(',')", ""), ("'abab'.replace('a', 'x')", "xbxb"), ("'abab'.replace('a', 'x', 1)", "xbab"),
        ("'ab'.replace('', '-')", "-a-b-"), ("word.substring(1)", "bc"), ("word.substring(1, 2)", "b"),
        ("word.substring(3)", ""), ("int('-12')", -12), ("int(2.9)", 2), ("int(-2.9)", -2), ("double('1e2')", 100.0),
        ("double(1)", 1.0), ("string(1.0)", "1"), ("string(0.5)", "0.5"), ("string(true)", "true"),
        ("bool('true')", True), ("bool(false)", False), ("min(3, 1.5, 2)", 1.5), ("max([3, 1])", 3),
        ("max('2024-01-02', '2024-01-10')", "2024-01-10"), ("abs(-3)", 3), ("abs(-0.5)", 0.5),
        ("double(data.record_count) / 2", 7500.0), ("int('007')", 7),
    ],
)  # fmt: skip
def test_functions(source: str, value: Json) -> None:
    answer = evaluate(source)

    assert (type(answer), answer) == (type(value), value)


# ---- functions of the project
def test_a_function_of_the_project_takes_named_arguments() -> None:
    assert evaluate('stage(env="prod", type=word)') == "prod||Abc"
    assert evaluate('stage("prod")') == "prod||raw"


def test_a_function_of_the_project_comes_before_one_of_ours() -> None:
    compiled = expression.compile("size(-1)", functions={"size": abs})

    assert compiled.evaluate({}) == 1


@pytest.mark.parametrize("answer", [(1,), {1: 2}, float("nan"), 2**64, object(), "x" * 70_000])
def test_what_a_function_of_the_project_answers_has_to_be_a_json_value(answer: Json) -> None:
    compiled = expression.compile("f()", functions={"f": lambda: answer})

    with pytest.raises(InputError):
        compiled.evaluate({})


def test_a_list_that_holds_itself_is_no_json_value() -> None:
    endless: list[Json] = []
    endless.append(endless)
    compiled = expression.compile("f()", functions={"f": lambda: endless})

    with pytest.raises(InputError) as caught:
        compiled.evaluate({})

    assert caught.value.code == "expression.function"


def test_a_function_that_fails_names_itself_and_why() -> None:
    error = fault("one + raising()")

    assert (error.code, error.message) == (
        "expression.function",
        "1:7: raising() failed: RuntimeError: no database",
    )


# ---- what it reads
def test_an_expression_knows_the_paths_it_reads_and_the_functions_it_calls() -> None:
    compiled = expression.compile(
        'stage(env=source) == data.x.y && items.all(i, i.z > limit && i["a b"] == row["a b"].c)'
        ' && data["k"].m[n].o == size(data)',
        functions={"stage": stage},
    )

    assert compiled.paths == (
        "data",
        "data.k.m",
        "data.x.y",
        "items",
        "limit",
        "n",
        "row",
        "source",
    )
    assert compiled.calls == ("stage",)


def test_an_attribute_of_a_python_object_cannot_be_reached() -> None:
    for source in ("word.__class__", "list.append", "map.keys", "data['__len__']", "stage.x"):
        with pytest.raises(Missing):
            expression.compile(source).evaluate({**SCOPE, "stage": stage})


# ---- what is missing
def test_a_missing_field_names_its_path() -> None:
    with pytest.raises(Missing, match=r"^data\.recrod_count is missing$") as caught:
        evaluate("data.recrod_count > 0")

    assert caught.value.path == "data.recrod_count"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("nothing", "nothing"), ("word.x", "word.x"), ("data.nothing.x", "data.nothing.x"),
        ("data.rows[3].n", "data.rows[3]"), ("data.rows[0].m", "data.rows[0].m"),
        ("map['j']", "map['j']"), ("list.x.y", "list.x.y"), ("one[0]", "one[0]"), ("map[one]", "map[one]"),
    ],
)  # fmt: skip
def test_whatever_is_not_there_is_missing(source: str, path: str) -> None:
    with pytest.raises(Missing) as caught:
        evaluate(source)

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("no.a == 1 && one == 2", False), ("one == 2 && no.a == 1", False),
        ("no.a == 1 || one == 1", True), ("one == 1 || no.a == 1", True),
        ("one && false", False), ("1 || true", True), ("1/0 == 1 && no.a && false", False),
        ("[no.a].exists(x, true) || yes", True),
    ],
)  # fmt: skip
def test_what_is_missing_does_not_matter_where_another_part_decides(
    source: str, value: bool
) -> None:
    assert evaluate(source) is value


def test_what_is_missing_matters_where_no_other_part_decides() -> None:
    for source in ("no.a && yes", "yes && no.a", "no.a || false", "false || no.a"):
        with pytest.raises(Missing):
            evaluate(source)


# ---- what is wrong
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("one < 'a'", '1:5: < needs two numbers or two texts, found number 1 and text "a"'),
        ("null < null", "1:6: < needs two numbers or two texts, found null null and null null"),
        ("yes < 1", "1:5: < needs two numbers or two texts, found boolean true and number 1"),
        ("word + one", "1:6: + cannot join text and number"),
        ("map + map", '1:5: + needs two numbers, two texts or two lists, found map {"k":3} and map {"k":3}'),
        ("yes - 1", "1:5: - needs two numbers, found boolean true and number 1"),
        ("1.5 % 2", "1:5: % needs two whole numbers, found number 1.5 and number 2"),
        ("1 / 0", "1:3: division by zero"), ("1.0 / 0.0", "1:5: division by zero"),
        ("1 % 0", "1:3: division by zero"),
        ("9223372036854775807 + 1", "1:21: the result does not fit in 64 bits"),
        ("-9223372036854775808 / -1", "1:22: the result does not fit in 64 bits"),
        ("-9223372036854775808 % -1", "1:22: the result does not fit in 64 bits"),
        ("-(-9223372036854775808)", "1:1: the result does not fit in 64 bits"),
        ("1e308 * 10.0", "1:7: the result is no finite number"),
        ("-word", '1:1: - needs a number, found text "Abc"'), ("!one", "1:1: ! needs true or false, found number 1"),
        ("one ? 1 : 2", "1:1: ? : needs true or false in front, found number 1"),
        ("yes && one", "1:8: && needs true or false, found number 1"),
        ("false || yes && one", "1:17: && needs true or false, found number 1"),
        ("one || false", "1:1: || needs true or false, found number 1"),
        ("one in word", '1:5: in needs a list or a map on its right, found text "Abc"'),
        ("word[0]", "1:1: a text has no elements"),
        ("list[1.0]", "1:1: an element of a list needs a whole number, found number 1.0"),
        ("word.all(x, true)", '1:6: all() needs a list or a map, found text "Abc"'),
        ("list.filter(x, x)", "1:16: filter() needs true or false for each element, found number 1"),
        ("{one: 1}", "1:2: a map needs texts as keys, found number 1"),
        ("{'a': 1, 'a': 2}", "1:10: the key a stands twice in this map"),
        ("word.contains(one)", '1:6: contains() needs what text.contains("part") shows, found text "Abc" and number 1'),
        ("int('1.5')", '1:1: int() needs a number or a text of digits, found text "1.5"'),
        ("int(1e30)", "1:1: int() needs a number or a text of digits, found number 1e30"),
        ("int('99999999999999999999')", "1:1: the result does not fit in 64 bits"),
        ("double('nan')", '1:1: double() needs a number or a text that is one, found text "nan"'),
        ("string(null)", "1:1: string() needs a text, a number or a boolean, found null null"),
        ("bool('yes')", '1:1: bool() needs a boolean, "true" or "false", found text "yes"'),
        ("size(one)", "1:1: size() needs a text, a list or a map, found number 1"),
        ("max([])", "1:1: max() of an empty list"), ("abs(yes)", "1:1: abs() needs a number, found boolean true"),
        ("min(1, 'a')", '1:1: < needs two numbers or two texts, found text "a" and number 1'),
        ("word.substring(2, 1)", "1:6: substring(2, 1) does not lie within 3 characters"),
        ("['a', 1].join()", "1:10: join() needs a list of texts, found number 1"),
        ("word.matches(word + '(')", "1:6: pattern, character 4: this ( is never closed"),
        ("yes &&\n  word > 1", '2:8: > needs two numbers or two texts, found text "Abc" and number 1'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_place(source: str, message: str) -> None:
    error = fault(source)

    assert error.message == message
    assert error.code == "expression.type"


# ---- what cannot be compiled
@pytest.mark.parametrize(
    ("source", "message", "fix"),
    [
        ("", "1:1: the expression is empty", "write one such as data.record_count > 0"),
        ("data.record_count > ", "1:21: expected a value, found the end of the expression", ""),
        ("yes and yes", "1:5: unexpected and", "for AND write &&"),
        ("yes or yes", "1:5: unexpected or", "for OR write ||"),
        ("yes & yes", "1:5: unexpected character '&'", "for AND write &&"),
        ("not yes", "1:1: unexpected not", 'for NOT write !, such as !(x in ["a", "b"])'),
        ("not(yes)", "1:1: unknown function not", "write !(x)"),
        ("one = 1", "1:5: unexpected =", "to compare write =="),
        ("one <> 1", "1:6: expected a value, found >", "for unequal write !="),
        ("one is 1", "1:5: unexpected is", "to compare write =="),
        ("True", "1:1: unknown name True", "write true"),
        ("list.0", "1:5: unexpected .0", "for an element of a list write [0]"),
        ("one < 5m", "1:7: 5m is no number", 'write a plain number, or a text "5m"'),
        ("1u", "1:1: 1u is no number", "leave out the u"),
        ("9223372036854775808", "1:1: 9223372036854775808 does not fit in 64 bits", "write it with a point or an exponent, such as 1e20"),
        ("1e999", "1:1: 1e999 is too large", ""),
        ("'abc", "1:1: the text is never closed", "end it with '"),
        ("'a\nb'", "1:1: the text is never closed", "end it with '"),
        ('"\\d"', "1:2: \\d means nothing", 'write \\\\ for a backslash, or a raw text r"..."'),
        ('"\\ud800"', "1:1: half a surrogate pair is no character", ""),
        ('"\\U00110000"', "1:2: \\U00110000 is no character", ""),
        ("b'a'", "1:1: bytes are no value here", "leave out the b"),
        ("“a”", "1:1: unexpected character '“'", 'write plain quotes: "'),
        ("${one}", "1:1: unexpected character '$'", "leave out ${ and }: this is an expression already"),
        ("größe", "1:3: unexpected character 'ö'", 'names are written with a to z; put any other into brackets, such as data["größe"]'),
        ("yes ? yes ? 1 : 2 : 3", "1:11: expected :, found ?", "put the inner condition ? one : other in parentheses"),
        ("(one", "1:5: expected ), found the end of the expression", ""),
        ("one)", "1:4: unexpected )", ""),
        ("data.", "1:6: expected a name after the dot, found the end of the expression", ""),
        ("foo(1)", "1:1: unknown function foo", "known: abs, bool, double, has, int, matches, max, min, raising, size, stage, string"),
        ("stagee(1)", "1:1: unknown function stagee", "did you mean stage?"),
        ("word.startswith('a')", "1:6: unknown function startswith", "did you mean startsWith?"),
        ("word.len()", "1:6: unknown function len", "write size(x)"),
        ("word.stage()", "1:6: stage is no method", "write stage(...)"),
        ("contains(word, 'a')", "1:1: contains is a method", 'write text.contains("part")'),
        ("map(list)", "1:1: map is a method", "write list.map(x, ...)"),
        ("timestamp('x')", "1:1: unknown function timestamp", "instants are texts in UTC; compare them as texts, or register a function"),
        ("size(1, 2)", "1:1: size() has the wrong number of arguments", "write size(x)"),
        ("size(x=1)", "1:6: size() has no named arguments", "write size(x)"),
        ("stage(typ='a', env='b')", "1:7: stage() has no argument typ", "did you mean type?"),
        ("stage()", "1:1: stage() cannot be called so: missing a required argument: 'env'", "write stage(env: 'str', type: 'str' = 'raw') -> 'str'"),
        ("stage(env='a', 'b')", "1:16: a value without a name stands after one with", "put it first"),
        ("stage(env='a', env='b')", "1:16: env= stands here twice", "leave out one"),
        ("has(1)", "1:1: has() asks for a field", "write has(data.record_count)"),
        ("list.all(x.y, true)", "1:11: all() needs a name, a comma and an expression", "write list.all(x, ...) with a name of your own for x"),
        ("list.all(1, true)", "1:10: all() begins with a name for each element", "write list.all(x, ...) with a name of your own for x"),
        ("list.all(x, true, true)", "1:6: all() has the wrong number of parts", "write list.all(x, ...) with a name of your own for x"),
        ("list.map(x,)", "1:6: map() has the wrong number of parts", "write list.map(x, ...) with a name of your own for x"),
        ("word.matches('(?=a)')", "1:14: pattern, character 1: this kind of group is unknown", "look-ahead and look-behind are left out"),
        ("one +\n\n * 2", "3:2: expected a value, found *", ""),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place_and_its_fix(source: str, message: str, fix: str) -> None:
    error = fault(source)

    assert (error.message, error.fix) == (message, fix)
    assert error.code == "expression.invalid"
    assert error.details["source"] == source


def test_an_unknown_name_is_refused_where_the_names_are_known() -> None:
    names = frozenset({"data", "source", "sequence"})

    error = fault("dta.x == 1", names=names)

    assert (error.message, error.fix) == ("1:1: unknown name dta", "did you mean data?")
    assert expression.compile("data.x && [1].all(y, y > sequence)", names=names).paths
    assert fault("[1].all(y, y > 0) && y", names=names).message == "1:22: unknown name y"


def test_a_fault_counts_lines_and_columns_from_1() -> None:
    details = fault("one &&\n  two two").details

    assert (details["line"], details["column"]) == (2, 7)


def test_a_hole_of_a_text_ends_at_its_own_brace() -> None:
    text = "a ${ {'b': '}'}.b } c"

    hole, end = compile_hole(text, 4, "}")

    assert (hole.evaluate({}), hole.source, text[end:]) == ("}", "{'b': '}'}.b", " c")


# ---- limits
def test_sources_and_depths_within_the_limit_compile() -> None:
    assert evaluate("1".ljust(SOURCE_MAX)) == 1
    assert evaluate("(" * (DEPTH_MAX - 1) + "1" + ")" * (DEPTH_MAX - 1)) == 1
    assert evaluate("-" * 10 + "-(1)") == -1
    assert evaluate(" + ".join(["1"] * 4000)) == 4000
    assert evaluate(" && ".join(["yes"] * 2000)) is True


@pytest.mark.parametrize(
    "source",
    [
        "1".ljust(SOURCE_MAX + 1), "(" * DEPTH_MAX + "1" + ")" * DEPTH_MAX, "(" * 10_000, "[" * 10_000,
        "!" * 5_000 + "true", "-" * 5_000 + "(1)", "a" + ".b().c" * 2_000, "a" + "[0]" * 60,
        "true ? 1 : " * 60 + "2", "{'a':" * 60 + "1" + "}" * 60, "1 == " * 60 + "1",
    ],
)  # fmt: skip
def test_a_source_beyond_the_limits_is_refused(source: str) -> None:
    assert fault(source).code == "expression.invalid"


@pytest.mark.parametrize(
    "source",
    [
        "l.map(a, l.map(b, l.map(c, l.map(d, 1))))",
        "l.all(a, l.all(b, l.all(c, true)))",
        "l.exists(a, l.exists(b, l.exists(c, false))) || true",
        "false && true || l.all(a, l.all(b, l.all(c, true)))",
        "t.split('').map(x, t).join().size() > 0",
        "t + t + t + t + t + t + t",
        "t.replace('x', t)",
        "t.split('')",
        "long.lowerAscii()",
        "big == other",
        "[big] in [[other], [other]]",
        "t.matches('(a|b|ab|ba|a.b.c)*cde$')",
        "t.matches('(x?){200}y')",
        "(l + l + l + l + l + l + l + l).map(x, l + l + l + l + l + l + l + l + l + l).size()",
    ],
)  # fmt: skip
def test_an_expression_bomb_ends_with_a_code(source: str) -> None:
    with pytest.raises(InputError) as caught:
        expression.compile(source).evaluate(LARGE)

    assert caught.value.code == "expression.budget"


def test_a_list_that_grows_over_its_limit_is_refused() -> None:
    scope = {"l": [0] * (LIST_MAX // 2 + 1)}

    with pytest.raises(InputError) as caught:
        expression.compile("l + l").evaluate(scope)

    assert caught.value.code == "expression.budget"


def test_a_loop_may_take_all_of_its_steps_and_not_one_more() -> None:
    compiled = expression.compile("l.all(x, x == 0)")
    rounds = (STEPS_MAX - compiled.tree.span.size) // 3

    assert compiled.evaluate({"l": [0] * rounds}) is True
    assert compiled.holds({"l": [0] * (rounds + 1)})[0] is False


def test_a_pattern_costs_the_same_however_often_it_was_used() -> None:
    used, fresh = (expression.compile("t.matches('^(a|b)+[0-9]{3}$')") for _ in range(2))
    lengths = range(0, 60_000, 2_000)
    for length in lengths:
        used.met({"t": "a" * length})

    costly = ["steps" in used.holds({"t": "a" * length})[1] for length in lengths]

    assert costly == ["steps" in fresh.holds({"t": "a" * length})[1] for length in lengths]
    assert set(costly) == {True, False}


# ---- why
@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("data.record_count > 20000", "data.record_count > 20000 was false: 15000"),
        ("20000 < data.record_count", "20000 < data.record_count was false: 15000"),
        ("data.recrod_count > 0", "data.recrod_count is missing"),
        ("data.ingestion_status > 0", '1:23: > needs two numbers or two texts, found text "success" and number 0'),
        ("one == 1 && half > 0.5 && no.x", "half > 0.5 was false: 0.5; no.x is missing"),
        ("no.x && no.y && yes", "no.x is missing; no.y is missing"),
        ("one == 2 || half == 2", "one == 2 was false: 1; half == 2 was false: 0.5"),
        ("one == half", "one == half was false: 1 and 0.5"),
        ("word.startsWith('b')", "word.startsWith('b') was false: \"Abc\""),
        ("!yes", "!yes was false"),
        ("has(data.x)", "has(data.x) was false"),
        ("data.rows.all(r, r.n > 0)", "data.rows.all(r, r.n > 0) was false: r.n > 0 was false: 0"),
        ("data.rows.exists(r, r.n > 9)", "data.rows.exists(r, r.n > 9) was false"),
        ("data.record_count", "data.record_count is not true or false but number 15000"),
        ("false", "false was false"),
        ("yes && one", "1:8: && needs true or false, found number 1"),
        ("yes && (one == 2 || no.x) && word != 'Abc'", "one == 2 was false: 1; no.x is missing; word != 'Abc' was false: \"Abc\""),
        ("data.rows.all(r, r.n >= 0 && r.m > 0)", "r.m is missing"),
        ("data.rows.all(r, r.n > 5 && r.n > 0)", "data.rows.all(r, r.n > 5 && r.n > 0) was false: r.n > 5 was false: 1"),
    ],
)  # fmt: skip
def test_a_condition_that_does_not_hold_says_why(source: str, why: str) -> None:
    compiled = expression.compile(source)

    assert compiled.holds(SCOPE) == (False, why)
    assert compiled.met(SCOPE) is False


def test_a_condition_that_holds_needs_no_reason() -> None:
    compiled = expression.compile("data.record_count > 0")

    assert compiled.holds(SCOPE) == (True, "")
    assert compiled.met(SCOPE) is True


def test_an_explanation_shows_each_part_and_what_it_came_to() -> None:
    compiled = expression.compile("data.record_count > 0 && (no.x == 1 || half >= 0.5) && no.y > 1")

    traced = compiled.explain(SCOPE)

    assert traced.why == "no.y is missing"
    assert [(part.text, part.sentence) for part in traced.parts] == [
        ("data.record_count > 0", "data.record_count > 0 was true: 15000"),
        ("no.x == 1 || half >= 0.5", "no.x == 1 || half >= 0.5 was true"),
        ("no.y > 1", "no.y is missing"),
    ]
    assert [part.value for part in traced.parts[0].parts] == [15000]
    assert [part.sentence for part in traced.parts[1].parts] == [
        "no.x is missing",
        "half >= 0.5 was true: 0.5",
    ]


def test_an_explanation_leaves_out_the_branch_that_was_not_taken() -> None:
    traced = expression.compile("has(no.x) ? no.x : one").explain(SCOPE)

    assert [part.text for part in traced.parts] == ["has(no.x)", "one"]


def test_an_explanation_of_a_bomb_ends() -> None:
    compiled = expression.compile("l.all(a, l.all(b, l.all(c, a > b && c > a))) && no.x")

    traced = compiled.explain({"l": list(range(1000))})

    assert "steps" in traced.why or "missing" in traced.sentence


def test_one_expression_may_be_used_by_many_threads_at_once() -> None:
    compiled = expression.compile(
        "l.filter(x, x % 7 == limit).map(x, string(x)).join(',').matches(p)"
    )
    answers: dict[int, set[bool]] = {limit: set() for limit in range(4)}

    def use(limit: int) -> None:
        for _ in range(30):
            scope = {"l": list(range(50)), "limit": limit, "p": f"^{limit},"}
            answers[limit].add(compiled.evaluate(scope))

    threads = [threading.Thread(target=use, args=(limit,)) for limit in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {limit: {True} for limit in range(4)}
