"""What Microsoft Teams allows, each number beside its source."""

from __future__ import annotations

from typing import Final

from adapters.contract import Limits, Window

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
# "Per bot per thread limit" for sending and for creating conversations; 50 requests a second per app and
# tenant, of which we leave room for look-ups and for the answers to people.
LIMITS: Final = Limits(
    channel=(Window(7, 1.0), Window(8, 2.0), Window(60, 30.0), Window(1800, 3600.0)),
    provider=(Window(30, 1.0),),
)

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages says 100 KB (it
# said 40 KB) with the payload counted as UTF-16, and "approximately 28 KB" stands at
# https://learn.microsoft.com/microsoftteams/limits-specifications-teams. The smallest number, counted in the
# larger encoding, fits under all of them.
MESSAGE_BYTES_UTF16: Final = 28 * 1024
ENVELOPE_BYTES_UTF16: Final = 2 * 1024
"""Kept free for what is wrapped around a card when it is sent: conversation, tenant, nonce."""

# https://learn.microsoft.com/adaptive-cards/rendering-cards/host-config#actionsconfig: Teams shows six.
MAX_ACTIONS: Final = 6

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context: `pageSize` is 50 to 500.
ROSTER_PAGE: Final = 500
ROSTER_PAGE_SMALLEST: Final = 50
MAX_ROSTER_PAGES: Final = 100
"""Fifty thousand people; a roster that goes on after that is a loop."""

# Our own, so that one field cannot crowd out the others. Teams states no limits for single fields.
MAX_TEXT: Final = 12_000
MAX_SUMMARY: Final = 200
MAX_FACTS: Final = 30
MAX_STEPS: Final = 20
MAX_LABEL: Final = 80
MAX_URL: Final = 1_000
MAX_VALUE: Final = 255
MAX_MENUS: Final = 3
MAX_CHOICES: Final = 25
"""As adapters.contract.Menu says."""
MAX_OPTIONS: Final = 50
"""Of a form's field."""
MAX_MENTIONS: Final = 20
MAX_TEMPLATE_LAST_RESORT: Final = 1_000
"""Of a filled template whose own text alone is over the budget."""

# https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication: a token
# says its life in `expires_in` (about an hour).
TOKEN_MARGIN_SECONDS: Final = 300.0
