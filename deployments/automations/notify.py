"""Make automations that tell people about audits: `python notify.py webhook|slack|mail`.

Needs Prefect and nothing else; PREFECT_API_URL says which server. Addresses and keys are read from the environment
and kept by the server in an encrypted block; README.md lists them. Run again to change them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from prefect.automations import Automation
from prefect.blocks.core import Block
from prefect.blocks.notifications import SendgridEmail, SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.events.actions import ActionTypes, CallWebhook, SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture

_DATASETS = {"prefect.resource.id": "labelhealth.dataset.*"}
_FLOW = {"prefect.resource.role": "flow", "prefect.resource.name": "label-audit"}
# `event` is what happened; there is none where an automation tells that nothing happened
_SUBJECT = "{{ automation.name }}{% if event %}: {{ event.resource.name }}{% endif %}"
_TEXT = """{% if event %}{{ event.event }} {{ event.resource.name }} {{ event.payload.version }}
{% for reason in event.payload.reasons or [] %}- {{ reason }}
{% endfor %}{{ event.payload.reports }}{% else %}No audit was completed in time.{% endif %}"""
_JSON = """{"automation": {{ automation.name | tojson }}{% if event %},
"event": {{ event.event | tojson }}, "about": {{ event.resource.name | tojson }},
"payload": {{ event.payload | tojson }}{% endif %}}"""

# a gate that lets nothing through, a run that ended without an audit, and a dataset not audited for a day and more
TRIGGERS = {
    "gate": EventTrigger(
        expect={"labelhealth.gate.fail", "labelhealth.gate.inconclusive"},
        match=_DATASETS,
        posture=Posture.Reactive,
        threshold=1,
    ),
    "broken": EventTrigger(
        expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=_FLOW,
        posture=Posture.Reactive,
        threshold=1,
    ),
    "silent": EventTrigger(
        after={"labelhealth.audit.completed"},
        expect={"labelhealth.audit.completed"},
        match=_DATASETS,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(hours=26),
    ),
}


def webhook(settings: Mapping[str, str]) -> ActionTypes:
    """Post a JSON document to WEBHOOK_URL."""
    block = Webhook(url=settings["WEBHOOK_URL"], headers={"Content-Type": "application/json"})
    return CallWebhook(block_document_id=_keep(block, "labelhealth-webhook"), payload=_JSON)


def slack(settings: Mapping[str, str]) -> ActionTypes:
    """Write into the channel of SLACK_WEBHOOK_URL."""
    block = SlackWebhook(url=settings["SLACK_WEBHOOK_URL"])
    return SendNotification(block_document_id=_keep(block, "labelhealth-slack"), subject=_SUBJECT, body=_TEXT)


def mail(settings: Mapping[str, str]) -> ActionTypes:
    """Send a mail from MAIL_FROM to MAIL_TO (several with commas) through the SendGrid account of SENDGRID_API_KEY."""
    block = SendgridEmail(
        api_key=settings["SENDGRID_API_KEY"],
        sender_email=settings["MAIL_FROM"],
        to_emails=[address.strip() for address in settings["MAIL_TO"].split(",")],
    )
    return SendNotification(block_document_id=_keep(block, "labelhealth-mail"), subject=_SUBJECT, body=_TEXT)


CHANNELS: dict[str, Callable[[Mapping[str, str]], ActionTypes]] = {
    "webhook": webhook,
    "slack": slack,
    "mail": mail,
}


def create(channel: str, settings: Mapping[str, str]) -> list[str]:
    """Make one automation a trigger, or replace those that are there; return their names."""
    action = CHANNELS[channel](settings)
    names = []
    for name, trigger in TRIGGERS.items():
        wanted = Automation(name=f"labelhealth {name}: {channel}", trigger=trigger, actions=[action])
        _replace(wanted)
        names.append(wanted.name)
    return names


def _keep(block: Any, name: str) -> Any:
    """Save a block, its type made known to the server first; return its id."""
    kind: type[Block] = type(block)
    kind.register_type_and_schema()
    return block.save(name, overwrite=True)


def _replace(wanted: Automation) -> None:
    with contextlib.suppress(ValueError):  # there is none yet
        Automation.read(name=wanted.name).delete()
    wanted.create()


def main() -> None:
    """Make the automations of one channel."""
    channel = sys.argv[1] if len(sys.argv) == 2 else ""
    if channel not in CHANNELS:
        raise SystemExit(f"usage: python notify.py {'|'.join(CHANNELS)}")
    try:
        names = create(channel, os.environ)
    except KeyError as error:
        raise SystemExit(f"notify.py: {error.args[0]} must be set. See README.md beside it.") from None
    for name in names:
        sys.stdout.write(f"made {name}\n")


if __name__ == "__main__":
    main()
