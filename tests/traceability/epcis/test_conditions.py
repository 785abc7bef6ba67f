"""Each parameter of the query language finds what it says and nothing else, on the published events with data in every field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.factories.epcis import Partner, make_event
from traceability.epcis.conditions import FIXED, condition_of

VECTORS = Path(__file__).parents[2] / "vectors" / "epcis"
KINDS = "OATX"
"""Object, aggregation, transaction, transformation: the events are told by these letters. S: one that names none of what is asked for."""
ALL = ["ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent"]

FINDS: list[tuple[str, str, str]] = [
    ("eventType", "ObjectEvent|TransactionEvent", "OST"),
    ("EQ_action", "ADD", "OT"),
    ("EQ_bizStep", "https://ref.gs1.org/cbv/BizStep-commissioning", "X"),
    ("EQ_disposition", "urn:epcglobal:cbv:disp:in_transit", "ST"),
    ("EQ_persistentDisposition_set", "completeness_verified", "OX"),
    ("EQ_persistentDisposition_set", "completeness_inferred", ""),
    ("EQ_persistentDisposition_unset", "https://ref.gs1.org/cbv/Disp-completeness_inferred", "OX"),
    ("EQ_readPoint", "https://id.gs1.org/414/0012345111112/254/400", "O"),
    ("WD_readPoint", "https://id.gs1.org/414/0012345111112", "O"),
    ("EQ_readPoint", "https://id.gs1.org/414/0012345111112", ""),
    ("WD_bizLocation", "urn:epc:id:sgln:0614141.00888.0", "TX"),
    ("EQ_bizLocation", "urn:epc:id:sgln:0614141.00888.0|urn:epc:id:sgln:0012345.11111.0", "OTX"),
    ("EQ_transformationID", "urn:epc:id:gdti:0614141.12345.400", "X"),
    ("EQ_transformationID", "https://id.gs1.org/253/0614141123452400", "X"),
    ("EQ_bizTransaction_po", "https://id.gs1.org/253/06141410000121618034", "AOTX"),
    ("EQ_bizTransaction_inv", "urn:epc:id:gdti:0614141.00001.1618034", ""),
    ("EQ_source_owning_party", "urn:epc:id:pgln:4012345.00225", "AOTX"),
    ("EQ_source_location", "urn:epc:id:pgln:4012345.00225", ""),
    ("EQ_destination_possessing_party", "https://id.gs1.org/417/0614141007776", "AOTX"),
    ("MATCH_epc", "urn:epc:id:sgtin:0614141.107346.2018", "AOT"),
    ("MATCH_parentID", "urn:epc:id:sscc:0614141.1234567890", "AT"),
    ("MATCH_inputEPC", "urn:epc:id:sgtin:4012345.011122.25", "X"),
    ("MATCH_outputEPC", "urn:epc:id:sgtin:4012345.077889.28", "X"),
    ("MATCH_anyEPC", "urn:epc:id:sscc:0614141.1234567890", "AT"),
    ("MATCH_epcClass", "urn:epc:class:lgtin:4012345.012345.998877", "AO"),
    ("MATCH_inputEPCClass", "urn:epc:class:lgtin:0614141.077777.987", "X"),
    ("MATCH_outputEPCClass", "urn:epc:class:lgtin:4012345.011111.4444", "X"),
    ("MATCH_anyEPCClass", "urn:epc:class:lgtin:4012345.011111.4444", "TX"),
    ("EQ_quantity", "200.5", "A"),
    ("GT_quantity", "200.5", "X"),
    ("GE_quantity", "200.5", "AX"),
    ("LT_quantity", "10", ""),
    ("LE_quantity", "10", "ATX"),
    ("EXISTS_errorDeclaration", "true", "AOTX"),
    ("EXISTS_errorDeclaration", "", "AOTX"),
    ("EXISTS_errorDeclaration", "false", "S"),
    ("GE_errorDeclarationTime", "2013-11-07T13:00:00Z", "AX"),
    ("LT_errorDeclarationTime", "2013-11-07T13:00:00Z", "OT"),
    ("EQ_errorReason", "incorrect_data", "AOTX"),
    ("EQ_errorReason", "did_not_occur", ""),
    ("EQ_correctiveEventID", "ni:///sha-256;fec9667280c4710a3fa9558b7bc8ddc2ced0dc442d87f82becae24bb6ca6a46f?ver=CBV2.0", "AOTX"),
    ("EQ_eventID", "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8", "O"),
    ("GE_eventTime", "2013-10-31T14:58:56.591Z", "SX"),
    ("LT_eventTime", "2013-06-08T14:58:56.591Z", "OT"),
    ("LT_recordTime", "2026-01-01T00:00:00Z", ""),
    ("GE_recordTime", "2026-01-01T00:00:00Z", "AOSTX"),
    ("GE_startTime", "2019-04-02T12:55:01Z", "AOTX"),
    ("LT_startTime", "2019-04-02T12:55:01Z", ""),
    ("GE_endTime", "2019-04-02T13:55:01Z", ""),
    ("LT_endTime", "2019-04-02T21:55:01+08:00", "AOTX"),
    ("EQ_type", "Temperature", "AOTX"),
    ("EQ_type", "Humidity", ""),
    ("EQ_deviceID", "urn:epc:id:giai:4000001.111", "AOTX"),
    ("EQ_dataProcessingMethod", "https://example.com/253/4012345000054987", "AOTX"),
    ("EQ_bizRules", "https://example.com/253/4012345000054987", "AOTX"),
    ("EQ_microorganism", "https://www.ncbi.nlm.nih.gov/taxonomy/1126011", "AOTX"),
    ("EQ_chemicalSubstance", "https://identifiers.org/inchikey:CZMRCDWAGMRECN-UGDNZRGBSA-N", "AOTX"),
    ("EQ_stringValue", "SomeString|other", "AOTX"),
    ("EQ_hexBinaryValue", "f0f0f0", "AOTX"),
    ("EQ_uriValue", "https://id.gs1.org/8004/4000001111", "AOTX"),
    ("EQ_booleanValue", "true", "AOTX"),
    ("EQ_booleanValue", "false", ""),
    ("EQ_value_CEL", "26", "AOTX"),
    ("GE_value_CEL", "26", "AOTX"),
    ("GT_value_CEL", "26", ""),
    ("LT_maxValue_CEL", "26.3", "AOTX"),
    ("LE_meanValue_CEL", "13.2", "AOTX"),
    ("GE_value_KGM", "1", ""),
    ("EXISTS_ILMD_cbvmda:lotNumber", "true", "OX"),
    ("EXISTS_ILMD_cbvmda:lotNumber", "false", "AST"),
    ("EQ_ILMD_cbvmda:lotNumber", "ABC123|ABC124", "OX"),
    ("EQ_ILMD_cbvmda:netWeight", "3.5", "OX"),
    ("EXISTS_ILMD_ext3:string", "true", ""),
    ("EXISTS_INNER_ILMD_ext3:string", "true", "OX"),
    ("EQ_INNER_ILMD_ext2:string", "stringInObject", "OX"),
    ("EQ_ext1:string", "string", "AOTX"),
    ("EXISTS_ext1:string", "true", "AOTX"),
    ("EXISTS_ext3:string", "true", ""),
    ("EXISTS_INNER_ext3:string", "true", "AOTX"),
    ("EQ_INNER_ext2:int", "13", "AOTX"),
    ("EQ_shanhai:count", "7", "S"),
    ("GT_shanhai:count", "6.5", "S"),
    ("GT_shanhai:count", "7", ""),
    ("LE_shanhai:count", "7", "S"),
]  # fmt: skip


def test_each_parameter_finds_what_it_says(partner: Partner) -> None:
    letters = dict(zip(ALL, "OATX", strict=True))
    for name in ALL:
        document = json.loads((VECTORS / "documents" / f"{name}_all_possible_fields.json").read_text())
        job = partner.capture(*document["epcisBody"]["eventList"], context=document["@context"])
        assert job["errors"] == []
    assert partner.capture(make_event(1, **{"shanhai:count": 7}))["success"]
    wrong = []
    for name, value, expected in FINDS:
        events = partner.events(perPage=100, **{name: value})
        found = "".join(sorted("S" if "shanhai:count" in event else letters[event["type"]] for event in events))
        if found != expected:
            wrong.append(f"{name}={value}: {found} instead of {expected}")
    assert wrong == []


def test_each_parameter_has_a_test() -> None:
    assert FIXED.keys() - {name for name, _, _ in FINDS} == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GE_quantity", "many"),
        ("GE_quantity", "NaN"),
        ("GE_quantity", "1e999999"),
        ("EXISTS_errorDeclaration", "maybe"),
        ("EQ_booleanValue", "1"),
        ("GE_startTime", "yesterday"),
        ("GT_ILMD_cbvmda:lotNumber", "ABC"),
        ("EQ_nothing", "x"),
        ("HASATTR_readPoint", "x"),
        ("EQ_ILMD_" + "x" * 300, "x"),
        ("EQ_source_", "x"),
    ],
)
def test_what_cannot_be_is_refused(partner: Partner, name: str, value: str) -> None:
    answer = partner.get("/events", **{name: value})
    assert (answer.status_code, answer.get_json()["title"]) == (400, "QueryParameterException")


@pytest.mark.parametrize("odd", ['x"y', "x\\", "$.**", 'a") || true || ("', "%", "'", "\u2028", "{}", "http://["])
def test_odd_words_stay_words(partner: Partner, odd: str) -> None:
    """What is asked for never becomes part of the question's own grammar."""
    partner.capture(make_event(1))
    for name in ("EQ_transformationID", f"EQ_ILMD_{odd}", f"EQ_source_{odd}", f"EQ_ns:{odd}", "MATCH_epc", "EQ_readPoint"):
        assert partner.events(**{name: odd}) == []
    assert condition_of("EQ_nothing", odd) is None
