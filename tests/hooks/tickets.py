"""Bodies as Zendesk and Intercom document them, signed as they sign, for a handoff."""

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime
from typing import Any

import orjson

SECRET = b"of-the-ticket-system"

Sent = tuple[bytes, dict[str, str]]
"""A body, and the headers that go with it."""


def zendesk(event: dict[str, Any], secret: bytes = SECRET, at_s: float | None = None) -> Sent:
    """https://developer.zendesk.com/documentation/webhooks/verifying/"""
    body = orjson.dumps(event)
    at = datetime.fromtimestamp(time.time() if at_s is None else at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mac = hmac.new(secret, at.encode() + body, hashlib.sha256).digest()
    return body, {
        "X-Zendesk-Webhook-Signature": base64.b64encode(mac).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": at,
    }


def zendesk_event(name: str, external_id: str, event: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events"""
    return {
        "type": f"zen:event-type:ticket.{name}",
        "account_id": 12514403,
        "id": f"2b24ef10-19d4-4740-93cf-8f98ec47{number:04d}",
        "time": "2099-07-04T05:33:18Z",
        "zendesk_event_version": "2022-06-20",
        "subject": "zen:ticket:35436",
        "event": {"meta": {"sequence": {"id": "CE4A698AF24F35B3208649C6951E000E", "position": 1}}, **event},
        "detail": {
            "actor_id": "8447388090495",
            "assignee_id": "8447388090495",
            "brand_id": "123",
            "created_at": "2099-07-04T05:27:58Z",
            "custom_status": "4660",
            "description": "Handed over by Handrail.",
            "external_id": external_id,
            "form_id": "6876543",
            "group_id": "98738",
            "id": "35436",
            "is_public": False,
            "organization_id": "0",
            "priority": "NORMAL",
            "requester_id": "20978392",
            "status": "OPEN",
            "subject": "Refund of $300",
            "submitter_id": "8447388090495",
            "tags": ["handrail", "handrail_approval"],
            "type": None,
            "updated_at": "2099-07-04T05:33:18Z",
            "via": {"channel": "web_service"},
        },
    }


def zendesk_note(external_id: str, text: str, staff: bool = True, public: bool = False) -> dict[str, Any]:
    author = {"id": "8447388090495", "is_staff": staff, "name": "Ann"}
    comment = {"id": "30064117810589", "body": text, "is_public": public, "author": author}
    return zendesk_event("comment_added", external_id, {"comment": comment})


def external_id(handoff: dict[str, Any]) -> str:
    """As the example's template makes it."""
    digest = (handoff["pending"] or {}).get("action_digest", "")
    return f"{handoff['handoff_id']} {digest} {handoff.get('revision', 1)} {handoff['conversation_id']}"


def intercom(notification: dict[str, Any], secret: bytes = SECRET) -> Sent:
    """https://developers.intercom.com/intercom-api-reference/v1.0/reference/signed-notifications"""
    body = orjson.dumps(notification)
    return body, {"X-Hub-Signature": "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest()}


def intercom_notification(topic: str, handoff: dict[str, Any], body: str | None, attempts: int = 1) -> dict[str, Any]:
    """A notification about a conversation, whose last part is what happened."""
    part = {
        "type": "conversation_part",
        "id": "6073838784",
        "part_type": "note" if topic.endswith("noted") else "close",
        "body": body,
        "created_at": 4087589598,
        "updated_at": 4087589598,
        "notified_at": 4087589598,
        "assigned_to": None,
        "author": {"type": "admin", "id": "3330619", "name": "Ann"},
        "attachments": [],
    }
    attributes = {
        "handrail_handoff": handoff["handoff_id"],
        "handrail_revision": str(handoff.get("revision", 1)),
        "handrail_action": (handoff["pending"] or {}).get("action_digest"),
    }
    item = {
        "type": "conversation",
        "id": handoff["conversation_id"],
        "created_at": 4087580000,
        "updated_at": 4087589598,
        "admin_assignee_id": 814860,
        "custom_attributes": attributes,
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [part], "total_count": 1},
        "open": False,
        "state": "closed",
    }
    return {
        "type": "notification_event",
        "app_id": "a86dr8yl",
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": "notif_2a8995f8-92cb-4edd-a38c-041f4cdbf659",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": attempts,
        "delivered_at": 0,
        "first_sent_at": 4087589599,
        "created_at": 4087589599,
        "self": None,
    }
