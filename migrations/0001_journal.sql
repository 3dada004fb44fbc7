-- The journal and what is derived from it.
--
-- `events` is the truth: one row a fact, numbered 1, 2, 3 within its request with no hole, never changed.
-- Everything else in this file could be rebuilt from it, but for the leases, which are nobody's history.
-- Times are of PostgreSQL's clock and in whole milliseconds, since that is what is told to the world:
-- a duration must be the difference of the two times beside it.

create table journal (
    -- One row: which journal this is. It stands in every event id, so that readers notice another one.
    singleton boolean not null default true,
    id uuid not null default gen_random_uuid(),
    constraint journal_pkey primary key (singleton),
    constraint journal_singleton_check check (singleton)
);

insert into journal default values;

create table vm_requests (
    id uuid not null,
    owner text not null,
    name text not null,
    template text not null,
    cpus int not null,
    memory_mib int not null,
    network jsonb,
    status text not null,
    -- The vCenter it belongs to, by its instance UUID; null until one was spoken to.
    vcenter text,
    vm jsonb,
    created_at timestamptz(3) not null,
    -- The newest event's number. Its row lock makes the numbers gap-free and commit-ordered.
    last_seq int not null,
    -- The caller's own key for this request, and what it asked for under it.
    idempotency_key text,
    idempotency_body text,
    -- Which worker drives it. The epoch rises with each lease and fences the writes of earlier ones.
    lease_owner text,
    lease_until timestamptz,
    lease_epoch bigint not null default 0,
    due_at timestamptz not null,
    -- What a saga resumes from: the vCenter task in flight. A hint, looked at again before it is believed.
    checkpoint jsonb,
    constraint vm_requests_pkey primary key (id),
    constraint vm_requests_status_check check (
        status in ('queued', 'provisioning', 'undoing', 'ready', 'failed', 'cancelled', 'needs_attention')
    ),
    constraint vm_requests_last_seq_check check (last_seq >= 1)
);

-- Two living requests never have one name. A finished one frees it: whether its VM still has the name is vCenter's to say.
create unique index vm_requests_living_name_key on vm_requests (name)
    where status in ('queued', 'provisioning', 'undoing');

create unique index vm_requests_idempotency_key on vm_requests (owner, idempotency_key);

create index vm_requests_due_idx on vm_requests (due_at)
    where status in ('queued', 'provisioning', 'undoing');

create index vm_requests_owner_idx on vm_requests (owner, id desc);

create table events (
    request_id uuid not null,
    seq int not null,
    -- The writing transaction, by which a tail of the journal knows what it has seen, whatever order
    -- transactions commit in.
    xid xid8 not null default pg_current_xact_id(),
    type text not null,
    schema_version int not null,
    payload jsonb not null,
    recorded_at timestamptz(3) not null default clock_timestamp(),
    constraint events_pkey primary key (request_id, seq),
    constraint events_request_id_fkey foreign key (request_id) references vm_requests (id),
    constraint events_seq_check check (seq >= 1)
);

create index events_xid_idx on events (xid);

-- One row while a VM is being built, deleted in the transaction that records a terminal event.
create table provisioning_progress (
    vm_request_id uuid not null,
    stage text not null,
    updated_at timestamptz(3) not null,
    constraint provisioning_progress_pkey primary key (vm_request_id),
    constraint provisioning_progress_vm_request_id_fkey foreign key (vm_request_id) references vm_requests (id),
    constraint provisioning_progress_stage_check check (
        stage in ('CREATED', 'CLONING', 'CONFIGURING', 'POWERING_ON', 'WAITING_FOR_NETWORK', 'READY')
    )
);

-- What is learned from finished requests: how long each stage took, in the vCenter where it took that long.
create table stage_durations (
    request_id uuid not null,
    stage text not null,
    vcenter text not null,
    template text not null,
    cpus int not null,
    memory_mib int not null,
    duration_ms bigint not null,
    finished_at timestamptz(3) not null,
    constraint stage_durations_pkey primary key (request_id, stage),
    constraint stage_durations_request_id_fkey foreign key (request_id) references vm_requests (id),
    constraint stage_durations_duration_ms_check check (duration_ms >= 0)
);

create index stage_durations_template_idx on stage_durations (vcenter, template, finished_at desc);
create index stage_durations_finished_at_idx on stage_durations (vcenter, finished_at desc);
