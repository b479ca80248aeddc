"""Words that variations of training sentences are made of; none of them means anything to the router."""

import re


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in re.split(r"[|\n]", text) if word.strip())


SERVICES = _listed(
    """
    inventory|notifications|mobile app|kafka|redis|cdn|data-pipeline|shipping|orders api|user service
    gateway|postgres|image resizer|recommendations|pricing|webhooks|scheduler|email|sms gateway
    reporting|warehouse|fax|geo lookup|vault|identity|sso|login|admin panel|edge proxy|dns|load balancer
    elasticsearch|rabbitmq|catalog|profile service|uploads|streaming|video encoder|chat|push
    feature flags|config service|metrics pipeline|booking|returns|loyalty|tax service|claims
    underwriting|seat map|ticketing|check-in|crm|erp|intranet|wiki|lab results|patient portal
    meter readings|invoices|subscriptions|coupons|wishlist|maps|translation|ads|forecast|telemetry
    thumbnails|backup|vpn|mail relay
    """
)
# Names of services are often two such words; who has seen many takes the next for one too.
HALVES = _listed(
    """
    tax|seat|photo|mail|risk|room|trip|fleet|quote|asset|voice|grid|menu|price|user|event|audit|stock
    file|rule
    """
)
ENDS = _listed(
    """
    service|api|worker|engine|sync|store|proxy|gateway|portal|runner|cache|queue|importer|builder|feed
    hub|db
    """
)
PEOPLE = _listed(
    """
    Aisha|Bruno|carla|Dmitri|eva|Farid|Grace|hiro|Irene|jakob|Kofi|Lena|mateo|Nadia|Olu|Petra|quinn|Rosa
    Stefan|tariq|Uma|viktor|Wanda|xavier|Yara|Zoltan|Anna Keller|Bo Chen|Marco Rossi|Sara Lind
    Tim O'Neil|lucy.hale|j.meyer|ravi_k|@aisha|@bruno|@eva.k|@grace-h|@hiro|@lena|@marco|@tariq
    <@U03HK2P9Q>|<@U7721ABCD>|<@!48219930112>|alex w|dr. brandt
    """
)
FIRST = _listed(
    """
    Aisha|Bruno|Chidi|Dmitri|Eva|Farid|Grace|Hiro|Ifeoma|Jakob|Kofi|Lena|Mateo|Nadia|Olu|Petra|Rosa
    Stefan|Uma
    """
)
LAST = _listed(
    """
    Keller|Chen|Rossi|Lind|Okafor|van der Berg|de Souza|al-Amin|Kowalczyk|Sato|Nguyen|García|Müller|Osei
    Petrov
    """
)
# What people say before a request, and after one.
BEFORE = _listed(
    """
    hey|hi|hello|morning|ok|so|team|sorry|quick one|fyi all|right|well|hey bot|alright|btw|ok folks
    good evening
    """
)
AFTER = _listed(
    """
    please|pls|thanks|thx|asap|thank you|cheers|would be great|ok?|if you can|now please|🙏|!!
    """
)
