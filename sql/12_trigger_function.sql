-- The trigger function of one webhook and one operation, written for its table, columns and condition so that
-- Postgres keeps its plan. All that does not depend on them is in 05_capture.sql.

create or replace function bridge.capture_columns(declared jsonb) returns text[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case when jsonb_typeof(declared -> 'columns') = 'array' then array(
    select name
    from unnest(
      bridge.key_columns(bridge.relation(declared ->> 'table'))
      || array(select jsonb_array_elements_text(declared -> 'columns'))) with ordinality as c (name, position)
    group by name order by min(position)) end
$$;
comment on function bridge.capture_columns(jsonb) is
  'The columns of a webhook''s records: those declared, and the primary key. Null: every column.';

create or replace function bridge.capture_from(operation text, both_sides boolean default true) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  -- new_row and old_row hold the rows whole, new and old their columns. The side that an operation lacks is null, so
  -- that one condition can serve several operations. No name of the table itself: it may be renamed.
  -- "bridge row" is a name that no column has; a column of the same name as the row would be taken for it.
  select case operation
    when 'insert' then
      '(select "bridge row" as row_ from new_rows as "bridge row") as new_row'
      ' cross join lateral (select (new_row.row_).*) as new'
      || case when both_sides then ' left join (select * from new_rows where false) as old on true' else '' end
    when 'delete' then
      '(select "bridge row" as row_ from old_rows as "bridge row") as old_row'
      ' cross join lateral (select (old_row.row_).*) as old'
      || case when both_sides then ' left join (select * from old_rows where false) as new on true' else '' end
    -- Postgres appends an updated row to both transition tables at once, so their n-th rows belong together, also
    -- when the primary key itself has changed or two rows have swapped theirs. A full join, because that is never a
    -- nested loop: transition tables have no statistics, and a plan made for one row must serve 20,000.
    else
      '(select row_number() over () as position, "bridge row" as row_ from old_rows as "bridge row") as old_row'
      ' full join (select row_number() over () as position, "bridge row" as row_ from new_rows as "bridge row")'
      ' as new_row using (position)'
      ' cross join lateral (select (old_row.row_).*) as old'
      ' cross join lateral (select (new_row.row_).*) as new'
  end
$$;
comment on function bridge.capture_from(text, boolean) is
  'The FROM clause over a statement''s transition tables that gives its changed rows; of an insert or delete, both_sides: with the side that it lacks.';

create or replace function bridge.capture_record(declared jsonb, operation text, side text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case
    when (operation, side) in (('insert', 'old'), ('delete', 'new')) then '''null''::json'
    when bridge.capture_columns(declared) is null then format('to_json(%s_row.row_)', side)
    else format('(select to_json("bridge row") from (select %s) as "bridge row")', (
      select string_agg(format('%s.%I', side, name), ', ' order by position)
      from unnest(bridge.capture_columns(declared)) with ordinality as c (name, position)))
  end
$$;
comment on function bridge.capture_record(jsonb, text, text) is 'SQL for the record of one side, new or old.';

create or replace function bridge.capture_key(declared jsonb, operation text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  -- The key that the row had: what happened to it before goes by that one.
  select case when (declared ->> 'ordered')::boolean then (
    select format('json_build_object(%s)', string_agg(
      format('%L, %s.%I', name, case operation when 'insert' then 'new' else 'old' end, name), ', ' order by position))
    from unnest(bridge.key_columns(bridge.relation(declared ->> 'table'))) with ordinality as k (name, position))
  end
$$;
comment on function bridge.capture_key(jsonb, text) is
  'SQL for an event''s key, which tells whose changes keep their order; null for a webhook that isn''t ordered.';

create or replace function bridge.capture_where(declared jsonb, operation text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(' and ', 'true',
    -- Compared as stored, so that types without an equality operator (json, point) work too.
    case when operation = 'update' then (
      select format('record_image_ne(row(%s), row(%s))',
        string_agg(format('old.%I', name), ', '), string_agg(format('new.%I', name), ', '))
      from unnest(bridge.capture_columns(declared)) as name
      having count(*) > 0) end,
    -- On lines of its own: a condition may end in a comment.
    E'(\n' || (declared ->> 'when') || E'\n)')
$$;
comment on function bridge.capture_where(jsonb, text) is 'SQL for whether a changed row is an event.';

create or replace function bridge.pick(record jsonb, columns text[]) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case when columns is null then record else (
    select jsonb_object_agg(key, value) from jsonb_each(record) where key = any (columns)) end
$$;
comment on function bridge.pick(jsonb, text[]) is 'The record with only these columns; all of them for null.';

create or replace function bridge.capture_targets(declared jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select string_agg(format('(%L, %L::boolean)', name, coalesce(t.ordered, false)), ', ' order by position)
  from jsonb_array_elements_text(declared -> 'targets')
    with ordinality as d (name, position)
  left join bridge.target as t using (name)
$$;
comment on function bridge.capture_targets(jsonb) is 'SQL for the targets of a webhook, each with whether it is ordered.';

create or replace function bridge.capture_source(declared jsonb, operation text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[] := parse_ident(declared ->> 'table');
begin
  return format($source$
#variable_conflict use_column
declare
  microseconds bigint;
  actor text;
  number bigint;
  body jsonb;
  due timestamptz;
  message_id text;
  first_number bigint;
  messages refcursor;
  posting boolean;
  changed record;
  event jsonb;
  events jsonb[] := '{}';
  fires boolean;
  failure text;
begin
  -- Two blocks, one after the other: within another's exception handler, each would be a subtransaction more.
  begin
    if bridge.is_awake() or bridge.is_recent('bridge.last_ring'::regclass, 1000) then
      -- Redelivery looks by itself, or has just been rung for: of one event, which most statements have, a row of the
      -- outbox is all it takes. Each function and each statement less is felt here.
      if bridge.has_claims() then
        actor := bridge.actor();
      end if;
      microseconds := extract(epoch from clock_timestamp()) * 1000000;
      message_id := bridge.message_id_of(microseconds);
      select
        count(*), min(
          bridge.head(%1$L, actor) || '[{"id": "' || message_id || ':0'
          || %16$L || record || ', "old_record": ' || old_record%13$s || '}]}')::jsonb,
        (
          select case
            when w.paused_at is not null or w.max_per_minute is not null then 'infinity'
            else clock_timestamp() end
          from bridge.webhook as w where w.name = %1$L and w.enabled)
      into number, body, due
      from (
        select %5$s::text as record, %6$s::text as old_record%14$s
        from %7$s
        where %8$s
        limit 2) as event;
      if number = 0 or due is null then
        return null;
      end if;
      -- Larger ones are thinned below; by what is sent, as jsonb writes out the digits of 1e131071.
      if number = 1 and octet_length(body::text) <= 200000 then
        insert into bridge.message (id, webhook, target, body, ordered, due_at)
        select message_id::uuid, %1$L, t.name, body, t.ordered, due from (values %18$s) as t (name, ordered);
        -- Whoever falls asleep after this line sees that a message is being written.
        if not (bridge.is_awake() or bridge.is_recent('bridge.last_ring'::regclass, 1000)) then
          perform bridge.ring_for(%1$L);
        end if;
        return null;
      end if;
    end if;
  exception when assert_failure or others then
    failure := null;  -- it fails again below, where it is seen to
  end;

  begin
    -- The statement at once, posted; if that fails (pg_net or Vault is missing or broken), at once into the outbox.
    foreach posting in array array[true, false] loop
      begin
        message_id := bridge.new_message_id()::text;
        if (select count(*) from (select from %17$s limit 2) as changed) = 1 then
          -- Most statements: numbering and gathering what is one would take as long as all else here.
          open messages for
            select
              message_id::uuid,
              '[{"id": "' || message_id || ':0' || %16$L || record || ', "old_record": ' || old_record%13$s || '}]'
            from (
              select %5$s::text as record, %6$s::text as old_record%14$s
              from %7$s
              where %8$s) as event;
        else
          first_number := ('x' || right(message_id, 8))::bit(32)::bigint >> 1;
          message_id := left(message_id, 28);
          open messages for
            select
              (message_id || lpad(to_hex(first_number + number / 100), 8, '0'))::uuid,
              '[' || string_agg(
                '{"id": "' || message_id || lpad(to_hex(first_number + number / 100), 8, '0') || ':' || number %% 100
                || %16$L || record || ', "old_record": ' || old_record%13$s || '}',
                ', ' order by number) || ']'
            from (
              select row_number() over () - 1 as number, %5$s::text as record, %6$s::text as old_record%14$s
              from %7$s
              where %8$s) as numbered
            group by number / 100;
        end if;
        perform bridge.dispatch(%1$L, tg_relid, messages, posting);
        close messages;
        return null;
      exception when assert_failure or others then
        get stacked diagnostics failure = message_text;
      end;
    end loop;

    -- Row by row: those that can't be evaluated become dead letters, the others are delivered.
    if not bridge.capturing(%1$L) then
      return null;
    end if;
    for changed in select %9$s as new_row, %10$s as old_row from %7$s loop
      event := null;
      failure := null;
      begin
        event := jsonb_build_object(
          'operation', %2$L, 'schema', %3$L, 'table', %4$L,
          'record', bridge.pick(to_jsonb(changed.new_row), %11$L::text[]),
          'old_record', bridge.pick(to_jsonb(changed.old_row), %11$L::text[])%15$s);
        select %8$s into fires
        from jsonb_populate_record(null::%12$s, to_jsonb(changed.new_row)) as new,
          jsonb_populate_record(null::%12$s, to_jsonb(changed.old_row)) as old;
      exception when assert_failure or others then
        get stacked diagnostics failure = message_text;
      end;
      if failure is not null then
        perform bridge.put_events(%1$L, tg_relid, array[coalesce(event, jsonb_build_object(
          'operation', %2$L, 'schema', %3$L, 'table', %4$L, 'record', null, 'old_record', null,
          'row', left(coalesce(changed.new_row::text, changed.old_row::text), 10000)))], failure);
      elsif fires then
        events := events || event;
      end if;
      if cardinality(events) = 100 then
        perform bridge.put_events(%1$L, tg_relid, events);
        events := '{}';
      end if;
    end loop;
    perform bridge.put_events(%1$L, tg_relid, events);
    return null;
  exception
    -- What fails any statement fails this one too: its client may try again, and nothing is lost.
    when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
      raise;
    when assert_failure or others then
      get stacked diagnostics failure = message_text;
      raise warning using
        message = format('webhook "%%s" could not capture a statement: %%s', %1$L, failure),
        hint = 'The write itself is not affected. Deploy again to repair schema bridge.';
      return null;
  end;
end
$source$,
    declared ->> 'name',
    upper(operation), parts[1], parts[2],
    bridge.capture_record(declared, operation, 'new'),
    bridge.capture_record(declared, operation, 'old'),
    -- A join less, where the condition names only the side that there is.
    bridge.capture_from(operation, both_sides => bridge.condition_problem(
      bridge.relation(declared ->> 'table'), array[operation], coalesce(declared ->> 'when', 'true')) is not null),
    bridge.capture_where(declared, operation),
    case operation when 'delete' then 'null::jsonb' else 'new_row.row_' end,
    case operation when 'insert' then 'null::jsonb' else 'old_row.row_' end,
    bridge.capture_columns(declared),
    bridge.relation(declared ->> 'table'),
    case when bridge.capture_key(declared, operation) is not null then ' || '', "key": '' || key' else '' end,
    coalesce(', ' || bridge.capture_key(declared, operation) || '::text as key', ''),
    case when bridge.capture_key(declared, operation) is not null then format(
      ', ''key'', bridge.pick(to_jsonb(changed.%s_row), %L::text[])',
      case operation when 'insert' then 'new' else 'old' end,
      bridge.key_columns(bridge.relation(declared ->> 'table'))) else '' end,
    format('", "operation": %s, "schema": %s, "table": %s, "record": ',
      to_json(upper(operation)), to_json(parts[1]), to_json(parts[2])),
    case operation when 'insert' then 'new_rows' else 'old_rows' end,
    bridge.capture_targets(declared));
end
$$;
comment on function bridge.capture_source(jsonb, text) is 'The PL/pgSQL of the trigger function for one webhook and operation.';
