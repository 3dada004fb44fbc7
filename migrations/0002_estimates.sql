-- What estimates are learned from: attempts that failed or were cancelled teach, too.
--
-- A stage in which an attempt was broken off would have taken longer than it did. Leaving it out would
-- tell people that stages never hang; counting its time as a whole one, that they are short. So it is
-- kept as what it is: censored. Rows from before are all of attempts that became ready.

alter table stage_durations
    -- The attempt of the request; each teaches for itself.
    add column attempt int not null default 1,
    -- The stage was broken off: it would have taken longer.
    add column censored boolean not null default false,
    -- The attempt became ready: it counts among the runs that an estimate is said to be learned from.
    add column ready boolean not null default true,
    add constraint stage_durations_attempt_check check (attempt >= 1),
    add constraint stage_durations_ready_check check (not (ready and censored)),
    drop constraint stage_durations_pkey,
    add constraint stage_durations_pkey primary key (request_id, attempt, stage);

alter table stage_durations
    alter column attempt drop default,
    alter column censored drop default,
    alter column ready drop default;

-- The newest runs of the same template and size.
create index stage_durations_size_idx
    on stage_durations (vcenter, template, cpus, memory_mib, finished_at desc);

-- The newest runs that became ready, of all: what the estimates are judged by.
create index stage_durations_ready_idx on stage_durations (finished_at desc) where ready;
