"""What Mattermost allows, each number beside its source; and what this adapter allows itself."""

from __future__ import annotations

from typing import Final

from adapters.contract import Limits, Window

# https://developers.mattermost.com/api-documentation/#/operations/CreatePost and, in the server's source,
# server/public/model/post.go: PostMessageMaxRunesV2 = 65535 / 4. Counted in Unicode characters.
MAX_MESSAGE: Final = 16_383

# server/public/model/post.go: PostPropsMaxUserRunes = 800000 - 40000, of the props as JSON. The caps below
# keep the worst message far under it.
MAX_PROPS: Final = 760_000

# server/channels/app/post.go: pendingPostIDsCacheTTL. The cache belongs to one node of a cluster unless it
# is kept in Redis, so that looking back (LooksBack) is what finds a post that another node took.
NONCE_WINDOW_SECONDS: Final = 30.0

# https://docs.mattermost.com/administration-guide/configure/rate-limiting-configuration-settings.html:
# 10 requests a second with bursts of 100 for each user, where an admin has switched the limiter on.
# There is no limit for a channel; the provider's is repeated there so that an override may lower one of them.
REQUESTS_PER_SECOND: Final = 10
BURST: Final = 100
LIMITS: Final = Limits(
    channel=(Window(REQUESTS_PER_SECOND, 1.0),), provider=(Window(REQUESTS_PER_SECOND, 1.0),)
)

# server/public/model/channel.go and api4/params.go: per_page is at most 200.
MAX_PAGE: Final = 200

# https://docs.mattermost.com/developers/integrate/reference/message-attachments documents no limits for
# the parts of an attachment; these are this adapter's own, so that a message stays readable on a telephone
# and no part crowds out the next. In characters after escaping.
MAX_HEADLINE: Final = 400
MAX_ID: Final = 200
MAX_TITLE: Final = 1_500
MAX_PARAGRAPH: Final = 6_000
MAX_NOTE: Final = 2_000
MAX_ACTOR: Final = 200
MAX_STEP: Final = 400
MAX_STEPS: Final = 20
MAX_LABEL: Final = 100
MAX_VALUE: Final = 1_000
MAX_FIELDS: Final = 25
MAX_BUTTON: Final = 75
MAX_FALLBACK: Final = 500
MAX_URL: Final = 2_048
MAX_TEMPLATED: Final = MAX_MESSAGE

SHORT_VALUE: Final = 40
"""Up to this many characters a fact shares its row with another."""

LEASE_SECONDS: Final = 20.0

MAX_MENTIONS: Final = 20
"""People named at the head of one message."""
MAX_CHOICES: Final = 25
"""Of a menu, as the router's own contract has it."""
MAX_ALT: Final = 300

# The server reads at most 1 MiB of an integration's answer (MaxIntegrationResponseSize); what it sends is a
# message of at most 16,383 characters and its names, form-encoded at 12 bytes a character in the worst case.
MAX_INBOUND_BYTES: Final = 512 * 1024
MAX_FORM_FIELDS: Final = 1_000
"""A command's form repeats a field for each person and channel that its text mentions."""

# https://docs.mattermost.com/developers/integrate/plugins/interactive-dialogs and
# server/public/model/integration_action.go, which counts bytes.
DIALOG_TITLE_BYTES: Final = 24
DIALOG_LABEL_BYTES: Final = 24
DIALOG_HELP_BYTES: Final = 150
DIALOG_TEXT_BYTES: Final = 150
DIALOG_TEXTAREA_BYTES: Final = 3_000
# The same file: older servers take a trigger for three seconds (INTERACTIVE_DIALOG_TRIGGER_TIMEOUT_…),
# newer ones for as long as OutgoingIntegrationRequestsTimeout says.
TRIGGER_SECONDS: Final = 3.0

DIALOG_LIFE_SECONDS: Final = 24 * 3600
"""This adapter's own: so long may a dialog stand open before it is filled in."""
CLOCK_SKEW_SECONDS: Final = 300

# server/public/model/channel.go: ChannelHeaderMaxRunes, ChannelDisplayNameMaxRunes.
MAX_CHANNEL_HEADER: Final = 1_024
MAX_CHANNEL_TITLE: Final = 64

LOOK_UP_SECONDS: Final = 1.5
"""How long a request of Mattermost's may wait for a name to be looked up; it is answered within 3 s."""
