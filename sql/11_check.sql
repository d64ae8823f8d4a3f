-- Whether a declaration fits this database. Answers with every problem, changes nothing.

create or replace function bridge.nearest(given text, candidates text[]) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  -- Names are alike when they share pairs of letters (Dice's coefficient): no extension needed for a hint.
  with pairs (candidate, pair) as (
    select distinct c, substring(lower(c) from i for 2)
    from unnest(candidates || given) as c, generate_series(1, length(c) - 1) as i),
  alike as (
    select theirs.candidate, 2.0 * count(*) / (
      (select count(*) from pairs where candidate = given)
      + (select count(*) from pairs as p where p.candidate = theirs.candidate)) as likeness
    from pairs as ours join pairs as theirs using (pair)
    where ours.candidate = given and theirs.candidate <> given
    group by theirs.candidate)
  select candidate from alike where likeness >= 0.5 order by likeness desc, candidate limit 1
$$;
comment on function bridge.nearest(text, text[]) is 'The candidate most like the given name, or null if none is.';

create or replace function bridge.relation(name text) returns regclass
language plpgsql stable strict set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[];
begin
  parts := parse_ident(name);
  if cardinality(parts) <> 2 then
    return null;
  end if;
  return to_regclass(format('%I.%I', parts[1], parts[2]));
exception when invalid_parameter_value then
  return null;
end
$$;
comment on function bridge.relation(text) is 'The table of that name, written schema.table as in SQL; null if there is none.';

create or replace function bridge.condition_problem(relation regclass, operations text[], condition text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  plan record;
  failure text;
begin
  -- Planned, never run. A loop over EXECUTE takes one statement only, so nothing can ride along.
  for plan in execute format(
    E'explain select from %s where (%s\n)',
    concat_ws(
      ' cross join ',
      -- As subqueries, like transition tables: without the table's system columns.
      case when operations && '{insert,update}' then format('(select * from %s) as new', relation) end,
      case when operations && '{update,delete}' then format('(select * from %s) as old', relation) end),
    condition)
  loop
    exit;
  end loop;
  return null;
exception when others then
  get stacked diagnostics failure = message_text;
  return failure || case
    when failure like '%"old"%' and not operations && '{update,delete}' then ' (an insert has no old row)'
    when failure like '%"new"%' and not operations && '{insert,update}' then ' (a delete has no new row)'
    else ''
  end;
end
$$;
comment on function bridge.condition_problem(regclass, text[], text) is
  'Why the condition can''t be planned against the table; null if it can.';

create or replace function bridge.webhook_problems(declared jsonb) returns setof text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  webhook text := declared ->> 'name';
  relation regclass := bridge.relation(declared ->> 'table');
  operations text[] := array(select jsonb_array_elements_text(declared -> 'operations'));
  kind "char";
  all_columns text[];
  missing text;
  failure text;
begin
  if relation is null then
    return next format('table "%s" of webhook "%s" does not exist%s', declared ->> 'table', webhook,
      coalesce('; did you mean "' || bridge.nearest(declared ->> 'table', array(
        select format('%I.%I', n.nspname, c.relname)
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema$|bridge$|net$|vault$)')) || '"?', ''));
    return;
  end if;

  if exists (
    select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where c.oid = relation and n.nspname ~ '^(bridge|net|vault|information_schema|pg_.*)$')
  then
    return next format('table "%s" of webhook "%s" is the system''s own: webhooks are for tables of yours',
      declared ->> 'table', webhook);
    return;
  end if;

  select relkind into kind from pg_class where oid = relation;
  if kind not in ('r', 'p') then
    return next format('"%s" of webhook "%s" is no table but a %s: name the table that it reads from',
      declared ->> 'table', webhook,
      case kind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'relation' end);
    return;
  end if;
  if not has_table_privilege(relation, 'trigger') then
    return next format('role %I may not create triggers on "%s" of webhook "%s": run "grant trigger on %s to %I" as its owner',
      current_user, declared ->> 'table', webhook, relation, current_user);
  end if;
  if (declared ->> 'ordered')::boolean and bridge.key_columns(relation) = '{}' then
    return next format('"%s" of ordered webhook "%s" has no primary key, which tells whose changes keep their order: '
      'add one, or leave out ordered', declared ->> 'table', webhook);
    return;
  end if;
  if operations && '{update,delete}' and bridge.key_columns(relation) = '{}' then
    return next format('"%s" of webhook "%s" has no primary key, which update and delete need to tell which row changed: '
      'add one, or declare insert only', declared ->> 'table', webhook);
  end if;

  all_columns := array(
    select attname::text from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped);
  if jsonb_typeof(declared -> 'columns') = 'array' then
    for missing in
      select name from jsonb_array_elements_text(declared -> 'columns') as name where name <> all (all_columns)
    loop
      return next format('column "%s" of webhook "%s" does not exist in "%s"; %s', missing, webhook, declared ->> 'table',
        coalesce('did you mean "' || bridge.nearest(missing, all_columns) || '"?',
          'it has ' || array_to_string(all_columns, ', ')));
    end loop;
  end if;

  if declared ->> 'when' is not null then
    failure := bridge.condition_problem(relation, operations, declared ->> 'when');
    if failure is not null then
      return next format('condition "%s" of webhook "%s" fails: %s; it sees no search_path, so write names in full',
        declared ->> 'when', webhook, failure);
    end if;
  end if;
end
$$;
comment on function bridge.webhook_problems(jsonb) is 'What keeps one declared webhook from being captured, a line each.';

create or replace function bridge.target_problems(desired jsonb) returns setof text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select format('target "%s" of webhook "%s" is not declared; declared: %s', target, w ->> 'name',
    (select string_agg(t ->> 'name', ', ' order by t ->> 'name') from jsonb_array_elements(desired -> 'targets') as t))
  from jsonb_array_elements(desired -> 'webhooks') as w, jsonb_array_elements_text(w -> 'targets') as target
  where not exists (select from jsonb_array_elements(desired -> 'targets') as t where t ->> 'name' = target)
$$;
comment on function bridge.target_problems(jsonb) is 'The targets that webhooks name and the declaration lacks, a line each.';

create or replace function bridge.check_declaration(desired jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  problems text[];
begin
  select array_agg(problem) into problems
  from (
    select bridge.webhook_problems(declared) as problem
    from jsonb_array_elements(desired -> 'webhooks') as declared
    union all
    select bridge.target_problems(desired)) as p;
  if problems is not null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = array_to_string(problems, '; ');
  end if;
end
$$;
comment on function bridge.check_declaration(jsonb) is 'Raises an error that names every problem of the declaration.';
