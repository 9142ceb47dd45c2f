-- A key whose secret is the private key of a listed client certificate: SHA-256 of the certificate. The releases before see keys that nobody has.
ALTER TABLE api_keys ADD COLUMN certificate BLOB;
