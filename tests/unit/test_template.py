from __future__ import annotations

import pytest

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import SOURCE_MAX, TEXT_MAX, Missing
from tidegate.kernel.template import Style, Template, parse_any, parse_template

SCOPE: dict[str, Json] = {
    "data": {"business_date": "2024-01-15", "record_count": 15000, "score": 1.0},
    "business_date": "2024-01-15",
    "sequence": "001",
    "normalized_context_id": "correlation-2024-01-15-001",
    "context": {"downstream_job": "daily_customer_analysis", "sla_minutes": 120},
    "datasets": ["customer_transactions", "order_data"],
    "subject": None,
    "business_unit": "sales",
    "data_domain": "leads",
    "processing_frequency": "daily",
}


def get_stage_description(env: str, type: str, date: str = "") -> str:
    return "||".join((env, type, date))


def template(text: str, style: Style) -> Template:
    return parse_template(text, style, functions={"get_stage_description": get_stage_description})


@pytest.mark.parametrize(
    ("style", "text", "value"),
    [
        ("action", "plain", "plain"),
        ("action", "${data.record_count}", 15000),
        ("action", "${datasets}", ["customer_transactions", "order_data"]),
        ("action", "${subject}", None),
        ("action", " ${data.record_count}", " 15000"),
        ("action", "${data.record_count}${data.score}", "150001"),
        ("action", "Job triggered: a for ${data.business_date} (Correlation: ${normalized_context_id})",
         "Job triggered: a for 2024-01-15 (Correlation: correlation-2024-01-15-001)"),
        ("action", "inputs: ${datasets}", "inputs: customer_transactions,order_data"),
        ("action", "{source:salesforce,category:leads,env:production}", "{source:salesforce,category:leads,env:production}"),
        ("action", "{business_date} {{business_date}} $5 $$ $", "{business_date} {{business_date}} $5 $$ $"),
        ("action", "$${business_date} costs $${5}", "${business_date} costs ${5}"),
        ("action", "${ {'a': '}'}.a } ${\"{\"}", "} {"),
        ("action", "${data.record_count > 0 ? 'some' : 'none'}", "some"),
        ("action", "${get_stage_description(env='prod', type=business_unit)}", "prod||sales||"),
        ("action", "${subject}!", "null!"),
        ("id", "correlation-${data.business_date}-${sequence}", "correlation-2024-01-15-001"),
        ("id", "correlation-{business_date}-{sequence}", "correlation-2024-01-15-001"),
        ("id", "{data.record_count}", "15000"),
        ("id", "${data.record_count}", "15000"),
        ("id", "{{a}}-{ sequence }-$${b}", "{a}-001-${b}"),
        ("manifest", "{{context.downstream_job}}-{{business_date}}", "daily_customer_analysis-2024-01-15"),
        ("manifest", "{{datasets}}", ["customer_transactions", "order_data"]),
        ("manifest", "{{ context.sla_minutes }}", 120),
        ("manifest", "echo ${HOME} $${X} {x} {{'{{'}}", "echo ${HOME} $${X} {x} {{"),
        ("manifest", "{{ {'a': {'b': 1}}.a.b }}!", "1!"),
        ("value", "customer||demographics||daily_snapshot", "customer||demographics||daily_snapshot"),
        ("value", 'get_stage_description(env="prod", type="customer", date="2025-08-07")', "prod||customer||2025-08-07"),
        ("value", 'f"{business_unit}_{data_domain}_{processing_frequency}"', "sales_leads_daily"),
        ("value", "f'{data.record_count}'", "15000"),
        ("value", 'f"{data.record_count + 1} {{x}} ${sequence}"', "15001 {x} 001"),
        ("value", "{source:salesforce,category:leads,env:production}", "{source:salesforce,category:leads,env:production}"),
        ("value", "${data.record_count}", 15000),
        ("value", "orders (v2)", "orders (v2)"),
        ("value", "orders(v2)", "orders(v2)"),
        ("value", 'f"', 'f"'),
        ("value", 'f""', ""),
    ],
)  # fmt: skip
def test_a_template_renders(style: Style, text: str, value: Json) -> None:
    rendered = template(text, style).render(SCOPE)

    assert (type(rendered), rendered) == (type(value), value)


def test_a_template_can_always_be_rendered_as_a_text() -> None:
    assert template("{{context.sla_minutes}}", "manifest").render_text(SCOPE) == "120"
    assert (
        template("${datasets}", "action").render_text(SCOPE) == "customer_transactions,order_data"
    )


def test_a_template_knows_what_it_reads_and_calls() -> None:
    parsed = template("${data.b}-${get_stage_description(env=data.a, type=source)}", "action")

    assert parsed.paths == ("data.a", "data.b", "source")
    assert parsed.calls == ("get_stage_description",)
    assert not parsed.constant
    assert template("{a}", "action").constant


@pytest.mark.parametrize(
    ("style", "text", "path"),
    [
        ("action", "a ${data.x} b", "data.x"), ("action", "${data.x}", "data.x"),
        ("id", "{nothing}-{sequence}", "nothing"), ("id", "{subject}", "subject"),
        ("value", 'f"{nothing}"', "nothing"),
    ],
)  # fmt: skip
def test_a_missing_value_names_its_path_and_the_template(
    style: Style, text: str, path: str
) -> None:
    with pytest.raises(Missing) as caught:
        template(text, style).render(SCOPE)

    assert (caught.value.path, caught.value.template) == (path, text)
    assert str(caught.value).startswith(f"{path} is missing for the template ")


@pytest.mark.parametrize(
    ("style", "text", "message"),
    [
        ("action", "a ${data.x", "1:5: the expression is never closed"),
        ("action", "a\nb ${data.}", "2:10: expected a name after the dot, found the end of the expression"),
        ("action", "${}", "1:3: the expression is empty"),
        ("action", "x ${a b}", "1:7: unexpected b"),
        ("manifest", "{{a}", "1:3: the expression is never closed"),
        ("id", "{business_date:%Y%m%d}", "1:1: only a name may stand in single braces"),
        ("id", "a-{b", "1:3: only a name may stand in single braces"),
        ("id", "{a + b}", "1:1: only a name may stand in single braces"),
        ("value", 'get_stage_descripton(env="prod")', "1:1: unknown function get_stage_descripton"),
        ("value", 'f"{business_unit!r}"', "1:17: unexpected !"),
        ("action", f"a ${{{'1'.ljust(SOURCE_MAX + 1)}}}", "1:5: the expression is longer than 16,384 characters"),
        ("action", "x" * (TEXT_MAX + 1), "1:1: the template is longer than 65,536 characters"),
    ],
)  # fmt: skip
def test_a_faulty_template_is_refused_with_its_place(style: Style, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        template(text, style)

    assert caught.value.message == message
    assert caught.value.code == "expression.invalid"


def test_a_name_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        parse_template("{busines_date}", "id", names=frozenset({"business_date", "sequence"}))

    assert (caught.value.message, caught.value.fix) == (
        "1:2: unknown name busines_date",
        "did you mean business_date?",
    )


def test_a_rendered_text_has_a_limit() -> None:
    parsed = template("${data} ${data}", "action")

    with pytest.raises(InputError) as caught:
        parsed.render({"data": "x" * (TEXT_MAX // 2)})

    assert caught.value.code == "expression.budget"


def test_lists_and_maps_of_templates_render_with_their_keys_untouched() -> None:
    action: Json = {
        "action_type": "trigger_job",
        "${key}": [1, None, "${data.record_count}", {"tags": ["${sequence}", "$${x}"]}],
    }

    parsed = parse_any(action, "action", names=frozenset({"data", "sequence"}))

    assert parsed.paths == ("data.record_count", "sequence")
    assert parsed.render(SCOPE) == {
        "action_type": "trigger_job",
        "${key}": [1, None, 15000, {"tags": ["001", "${x}"]}],
    }
    assert parse_any([1, {"a": "b"}], "action").constant


def test_templates_nested_too_deeply_are_refused() -> None:
    deep: Json = "x"
    for _ in range(100):
        deep = [deep]

    with pytest.raises(InputError, match="nested deeper than 64 levels"):
        parse_any(deep, "action")


def test_the_manifest_of_the_origin_renders() -> None:
    manifest: Json = {
        "metadata": {
            "name": "{{context.downstream_job}}-{{business_date}}",
            "labels": {"correlation-id": "{{normalized_context_id}}"},
        },
        "spec": {"containers": [{"env": [{"name": "INPUT_DATASETS", "value": "{{datasets}}"}]}]},
    }

    rendered = parse_any(manifest, "manifest").render(SCOPE)

    assert rendered["metadata"]["name"] == "daily_customer_analysis-2024-01-15"
    assert rendered["metadata"]["labels"] == {"correlation-id": "correlation-2024-01-15-001"}
