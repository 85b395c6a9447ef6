-- Who may not open runs is a worker. All that it has to say to the log is which message it refused, as the next event of
-- the chain: a worker's role can neither make up an event of another kind nor break the chain.
CREATE FUNCTION crossfoot_event_is_appended() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    last_seq  bigint;
    last_hash bytea;
    covered   bytea;
    part      text;
BEGIN
    IF has_table_privilege(current_user, format('%I.crossfoot_run', TG_TABLE_SCHEMA), 'INSERT') THEN
        RETURN NEW;
    END IF;
    IF NEW.kind <> 'message-refused' THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'role %s may note refused messages in the evidence log, and nothing else (event %s)', current_user, NEW.kind);
    END IF;
    EXECUTE format('SELECT seq, hash FROM %I.crossfoot_event ORDER BY seq DESC LIMIT 1', TG_TABLE_SCHEMA)
    INTO last_seq, last_hash;
    covered := convert_to(E'crossfoot event 1\n', 'UTF8') || NEW.previous || int8send(NEW.seq) || int8send(NEW.at_ms)
        || CASE WHEN NEW.run_id IS NULL THEN '\x00'::bytea ELSE '\x01'::bytea END;
    FOREACH part IN ARRAY ARRAY[coalesce(NEW.run_id, ''), NEW.kind, NEW.actor, NEW.detail] LOOP
        covered := covered || int8send(octet_length(convert_to(part, 'UTF8'))) || convert_to(part, 'UTF8');
    END LOOP;
    IF NEW.seq <> coalesce(last_seq, 0) + 1
        OR NEW.previous <> coalesce(last_hash, decode(repeat('00', 32), 'hex')) OR NEW.hash <> sha256(covered)
    THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'the event of role %s is not the next of the evidence log', current_user);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER crossfoot_event_append BEFORE INSERT ON crossfoot_event
FOR EACH ROW EXECUTE FUNCTION crossfoot_event_is_appended();
ALTER TABLE crossfoot_event ENABLE ALWAYS TRIGGER crossfoot_event_append;

-- Who may not write rejects is a processor. All that it may make of a chunk is to set it aside.
CREATE FUNCTION crossfoot_chunk_is_stepped() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF has_table_privilege(current_user, format('%I.crossfoot_reject', TG_TABLE_SCHEMA), 'INSERT')
        OR (OLD.state = 'split' AND NEW.state = 'set-aside')
    THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = format(
        'role %s may set chunk %s aside, and not make it %s', current_user, NEW.chunk_no, NEW.state);
END
$$;

CREATE TRIGGER crossfoot_chunk_step BEFORE UPDATE OF state ON crossfoot_chunk
FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION crossfoot_chunk_is_stepped();

-- Only the owner of an index may bring it up to date. `crossfoot setup` has the coordinator's role own this function, so
-- that workers, who read staging back through the index, may ask for it.
CREATE FUNCTION crossfoot_summarize(of_index regclass) RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT brin_summarize_new_values(of_index) $$;
