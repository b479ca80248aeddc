"""What Discord allows, each number beside the page that says so."""

from __future__ import annotations

from typing import Final

from adapters.contract import Limits, Window

# https://discord.com/developers/docs/resources/message#create-message
# Discord counts code points, as Python does: https://github.com/discord/discord-api-docs/issues/1315
MAX_CONTENT: Final = 2000
MAX_NONCE: Final = 25

# https://discord.com/developers/docs/resources/message#embed-object-embed-limits
MAX_DESCRIPTION: Final = 4096
MAX_FIELDS: Final = 25
MAX_FIELD_NAME: Final = 256
MAX_FIELD_VALUE: Final = 1024
MAX_EMBEDS_TOTAL: Final = 6000
"""Characters in all titles, descriptions, fields and footers of a message together."""

# https://discord.com/developers/docs/components/reference#action-row and #button
MAX_ROWS: Final = 5
MAX_BUTTONS_IN_ROW: Final = 5
MAX_LABEL: Final = 80
MAX_CUSTOM_ID: Final = 100
MAX_BUTTON_URL: Final = 512

# https://discord.com/developers/docs/resources/message#get-channel-messages
MAX_MESSAGES_PER_PAGE: Final = 100
# https://discord.com/developers/docs/resources/guild#search-guild-members
MAX_MEMBERS_PER_SEARCH: Final = 1000

# https://discord.com/developers/docs/reference#snowflakes
EPOCH_MS: Final = 1_420_070_400_000

NONCE_WINDOW_SECONDS: Final = 120.0
"""How long a repeated nonce is surely dropped.

Documented is only "the past few minutes" (create-message, `enforce_nonce`); two is the least that may
mean. Retries after that look back in the channel instead.
"""

LEASE_SECONDS: Final = 60.0

# The global limit is documented: https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
# The channel's is not ("should not be hard-coded"); 5 in 5 s is what Discord's staff named
# (https://github.com/discord/discord-api-docs/issues/20) and what X-RateLimit-Limit shows bots today.
# Where Discord asks for less, its 429 says how long to wait.
LIMITS: Final = Limits(channel=(Window(5, 5.0),), provider=(Window(50, 1.0),))
