-- The major version of the server: newer ones can alter more in place. And who reads the catalog.
SELECT pg_catalog.jsonb_build_object('version', pg_catalog.current_setting('server_version_num')::int / 10000,
    'reader', current_user)
