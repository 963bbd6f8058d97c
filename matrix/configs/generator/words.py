"""The words that generated configs are made of; data only, and none of it belongs to anybody."""

from __future__ import annotations

PRODUCTS = (
    "github", "gitlab", "linear", "jira", "notion", "slack", "airtable", "postgres", "mysql", "redis", "s3",
    "filesystem", "fetch", "browser", "sentry", "grafana", "stripe", "hubspot", "salesforce", "shopify", "figma",
    "calendar", "mail", "whatsapp", "maps", "weather", "search", "memory", "vector-db", "warehouse", "erp", "payroll",
)  # fmt: skip
PURPOSES = (
    "issues", "reader", "writer", "reports", "sync", "tools", "gateway", "archive", "admin", "alerts", "exports",
    "staging", "eu", "us", "br", "beta", "internal", "v2", "legacy", "sandbox",
)  # fmt: skip
ROLES = (
    "concierge", "triage", "billing", "onboarding", "research", "support", "planner", "reviewer", "translator",
    "scheduler", "analyst", "recruiter", "dispatcher", "librarian", "auditor", "tutor", "courier", "moderator",
    "forecaster", "buyer",
)  # fmt: skip
TEAMS = ("desk", "north", "south", "night", "vip", "lab", "pilot", "retail", "partners", "field")
ODD_AGENTS = ("Atenção ao Cliente", "客服-机器人", "مساعد", "agent 'zero' \"quoted\"", "CONCIERGE-DESK-1", "🤖-bot")
"""Agents whose names are none that a program would choose; each stands in for an ordinary one."""

VERBS = ("list", "get", "create", "update", "delete", "search", "export", "import", "summarize", "watch")
NOUNS = ("issue", "page", "record", "invoice", "customer", "file", "thread", "event", "query", "chart")
TAGS = (
    "crm",
    "finance",
    "dev",
    "ops",
    "data",
    "messaging",
    "critical",
    "experimental",
    "read-only",
    "pii",
    "日本",
    "é",
)
LAUNCHERS = ("npx", "uvx", "python3", "node")
VARIABLES = ("LOG_LEVEL", "REGION", "CACHE_DIR", "HTTP_PROXY", "PAGE_SIZE", "FEATURE_FLAGS", "TZ", "LANG")
SECRET_VARIABLES = ("API_KEY", "ACCESS_TOKEN", "CLIENT_SECRET", "PASSWORD", "WEBHOOK_SECRET", "PRIVATE_KEY")

RIGHT_TO_LEFT = ("خادم-الملفات", "שרת-קבצים", "پایگاه‌داده")
EMOJI = ("🚀", "👩🏽‍💻", "🇧🇷", "🏴‍☠️", "❤️‍🔥", "📦")
IDEOGRAMS = ("数据库服务", "ファイルサーバー", "검색서버", "郵件服務")
ACCENTED = ("cafe\u0301-mene\u0302", "a\u030angstro\u0308m", "vie\u0302\u0323t-nam", "Z\u0351\u036ba\u0321l\u034fgo")
"""Letters with combining marks: more code points than characters, and not the composed form."""

DESCRIPTIONS = (
    "Reads and writes what the team keeps there.",
    "Owned by platform; ask before changing the timeout.",
    "Acesso somente leitura. Não usar em produção.",
    "Temporary, until the new gateway is there (since 2023).",
)
PARAGRAPH = (
    "He said: \"it's 'fine'\".\n\tThen it broke: C:\\temp\\new \u2028 100 % – see <https://example.org/a?b=c&d=e>.\r\n"
    "Ação; ΑΒΓ; ไทย; 中文; 👩🏽‍💻; -- not a comment; /* nor this */; $1 ? :name {braces} %s\n"
)
"""What breaks whoever builds SQL, JSON or a format by hand."""

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "server.py", line {line}, in connect\n'
    "ConnectionError: cannot reach {address} after {attempts} attempts\n"
)
