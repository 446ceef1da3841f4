-- Schema 3: who changed or removed what was stored, by a command: retention, erasure, repricing.
-- Never holds what was removed: whose calls were forgotten is a hash with a key of this home.

create table audit (
    recorded_at timestamp not null,
    actor       varchar not null,
    operation   varchar not null,
    subject     varchar,
    arguments   varchar not null,
    outcome     varchar not null
);
