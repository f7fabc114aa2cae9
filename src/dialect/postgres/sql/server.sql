-- The major version of the server: newer ones can alter more in place. And whether there is anything of the kinds that
-- few schemas have: planning the queries that read them takes longer than reading. What users make has a number from
-- 16384 on. Source: PostgreSQL `FirstNormalObjectId` in `access/transam.h`.
SELECT pg_catalog.json_build_object(
    'version', pg_catalog.current_setting('server_version_num')::int / 10000,
    'has_types',
        EXISTS (SELECT FROM pg_catalog.pg_range WHERE rngtypid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid >= 16384 AND t.typtype IN ('b', 'p')
                   AND t.oid NOT IN (SELECT el.typarray FROM pg_catalog.pg_type el))
        OR EXISTS (SELECT FROM pg_catalog.pg_aggregate WHERE aggfnoid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_operator WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_opfamily WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_opclass WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_collation WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_conversion WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 16384),
    'has_services',
        EXISTS (SELECT FROM pg_catalog.pg_statistic_ext)
        OR EXISTS (SELECT FROM pg_catalog.pg_event_trigger)
        OR EXISTS (SELECT FROM pg_catalog.pg_publication)
        OR EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper)
        OR EXISTS (SELECT FROM pg_catalog.pg_foreign_server)
        OR EXISTS (SELECT FROM pg_catalog.pg_ts_parser WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_ts_template WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_ts_dict WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_ts_config WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_language WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_am WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_catalog.pg_transform)
        OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN')
        OR EXISTS (SELECT FROM pg_catalog.pg_class WHERE relkind = 'm'))
