-- Schema 5: which alert rules are in force, for those who show them. A row is added whenever a
-- collector is started with other rules than before; the newest row counts.
-- Holds no secret: rule files only refer to those, and comments are left out.

create table alert_rules (
    loaded_at timestamp not null, -- UTC
    digest    varchar not null,   -- of document, 64 hex digits; '' for none
    document  varchar             -- JSON, rule file → its YAML; NULL: started without rules
);
