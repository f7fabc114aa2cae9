-- The major version of the server: newer ones can alter more in place.
SELECT pg_catalog.jsonb_build_object('version', pg_catalog.current_setting('server_version_num')::int / 10000)
