--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: __diesel_schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.__diesel_schema_migrations (
    version character varying(50) NOT NULL,
    run_on timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);


--
-- Name: accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accounts (
    realm bytea NOT NULL,
    id bytea NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    app text NOT NULL COLLATE pg_catalog."C",
    device text NOT NULL COLLATE pg_catalog."C",
    jkt bytea NOT NULL,
    public_key bytea NOT NULL,
    state integer NOT NULL,
    created_at bigint NOT NULL,
    blocked_by text COLLATE pg_catalog."C",
    app_version text COLLATE pg_catalog."C"
);


--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    id bytea NOT NULL,
    hash bytea NOT NULL,
    role text NOT NULL COLLATE pg_catalog."C",
    realm bytea,
    client bytea,
    created_at bigint NOT NULL,
    expires_at bigint,
    last_used_at bigint,
    name text COLLATE pg_catalog."C",
    sources text NOT NULL COLLATE pg_catalog."C",
    successor bytea
);


--
-- Name: apps; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.apps (
    realm bytea NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    min_version text COLLATE pg_catalog."C",
    created_at bigint NOT NULL
);


--
-- Name: clients; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.clients (
    realm bytea NOT NULL,
    id bytea NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    origins text NOT NULL COLLATE pg_catalog."C",
    return_urls text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    logo text COLLATE pg_catalog."C",
    callback_urls text NOT NULL COLLATE pg_catalog."C",
    templates text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: counters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.counters (
    name text NOT NULL COLLATE pg_catalog."C",
    n bigint NOT NULL
);


--
-- Name: endings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.endings (
    realm bytea NOT NULL,
    login bytea NOT NULL,
    ended_by text NOT NULL COLLATE pg_catalog."C",
    at bigint NOT NULL
);


--
-- Name: enrolments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.enrolments (
    realm bytea NOT NULL,
    id bytea NOT NULL,
    client bytea NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    code_hash bytea NOT NULL,
    confirm text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    tries_left integer NOT NULL,
    account bytea,
    jkt bytea,
    req_id bytea,
    device text COLLATE pg_catalog."C",
    number text COLLATE pg_catalog."C",
    approval text COLLATE pg_catalog."C"
);


--
-- Name: outcomes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outcomes (
    realm bytea NOT NULL,
    id bytea NOT NULL,
    state integer NOT NULL,
    reason text COLLATE pg_catalog."C",
    account bytea,
    user_id text COLLATE pg_catalog."C",
    by_link boolean NOT NULL,
    decision text COLLATE pg_catalog."C",
    req_id bytea,
    decided_at bigint NOT NULL,
    redeem_by bigint NOT NULL,
    ends_at bigint NOT NULL,
    login text NOT NULL COLLATE pg_catalog."C",
    via text COLLATE pg_catalog."C",
    claimed_at bigint
);


--
-- Name: realm_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.realm_keys (
    realm bytea NOT NULL,
    key_id bytea NOT NULL,
    epoch bigint NOT NULL,
    public_key bytea NOT NULL,
    sealed bytea NOT NULL,
    statement bytea NOT NULL,
    retired_at bigint
);


--
-- Name: realms; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.realms (
    id bytea NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    settings text NOT NULL COLLATE pg_catalog."C",
    root_pin bytea NOT NULL,
    sealed_root bytea,
    sealed_qr bytea NOT NULL
);


--
-- Name: redemptions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.redemptions (
    realm bytea NOT NULL,
    login bytea NOT NULL,
    at bigint NOT NULL,
    request bytea
);


--
-- Name: requests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.requests (
    id bytea NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL
);


--
-- Name: roles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.roles (
    scope bytea NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    permissions text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL
);


--
-- Name: trail; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.trail (
    id bytea NOT NULL,
    seq bigint,
    realm bytea,
    at bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    object text NOT NULL COLLATE pg_catalog."C",
    client bytea,
    user_id text COLLATE pg_catalog."C",
    detail text COLLATE pg_catalog."C"
);


--
-- Name: user_attributes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.user_attributes (
    realm bytea NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    realm bytea NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    display_name text COLLATE pg_catalog."C",
    created_at bigint NOT NULL
);


--
-- Data for Name: __diesel_schema_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.__diesel_schema_migrations VALUES ('20261124000004', '2026-11-22 17:38:16.107045');


--
-- Data for Name: accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.accounts VALUES ('\x01a20456547d7a329319a2a7f554ac1e', '\x01a20456552675dda4e594522c8548d9', 'alice', 'countersign-phone', 'virtual phone', '\xb26d5d972ed938e628cf2c20a17cfa32432025b15faedc607fef0fa89f33862c', '\x047013d74660215c8a65370dbd4fa5d8f6db22c1912a29c90baed32bbc03322dc22fe217f4d212635348c873d12af45a32f0a4681e5abd9a342ddc4efe9b4ca85f', 2, 1795369096486, NULL, '0.1.0');


--
-- Data for Name: api_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.api_keys VALUES ('\x746865206669727374206f6620616c6c', '\x348ea6e8f584f212d6ce4be0a4b0ca99228e53bff1ecf7bc63767d552339cdab', 'root', NULL, NULL, 1795369096189, NULL, 1795369096314, NULL, '[]', NULL);
INSERT INTO public.api_keys VALUES ('\x01a2045654bd7ad1903901eea7fb4386', '\x24e3a3f726f88a5bf25c37e90a95d00b9a296f10a69194cb5979c187d001df15', 'client', '\x01a20456547d7a329319a2a7f554ac1e', '\x01a20456549571369b84994d9f44f53e', 1795369096381, NULL, 1795369096412, NULL, '[]', NULL);


--
-- Data for Name: apps; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: clients; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.clients VALUES ('\x01a20456547d7a329319a2a7f554ac1e', '\x01a20456549571369b84994d9f44f53e', 'shop', 'Shop', '[]', '[]', 1795369096341, NULL, '[]', '{}');


--
-- Data for Name: counters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.counters VALUES ('oldest_schema', 4);
INSERT INTO public.counters VALUES ('trail', 9);


--
-- Data for Name: endings; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: enrolments; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.enrolments VALUES ('\x01a20456547d7a329319a2a7f554ac1e', '\x01a2045654e4739c9250553a65b29df3', '\x01a20456549571369b84994d9f44f53e', 'alice', '\xb1beb6d49935492afea8f97ff38c4fe2479e91644b68cce64f4d0531c35efa5e', 'none', 1795369096420, 1795369696420, 'confirmed', 3, '\x01a20456552675dda4e594522c8548d9', '\xb26d5d972ed938e628cf2c20a17cfa32432025b15faedc607fef0fa89f33862c', '\xc69cee91875aff124dc08022113a7b30', 'virtual phone', NULL, NULL);


--
-- Data for Name: outcomes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outcomes VALUES ('\x01a20456547d7a329319a2a7f554ac1e', '\x01a2045655517140b5d5f573d6359ce5', 3, NULL, '\x01a20456552675dda4e594522c8548d9', 'alice', false, 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImNzLWxvZ2luK2p3dCIsImtpZCI6InNtMWRseTdaT09Zb3p5d2dvWHo2TWtNZ0piRmZydHhnZi04UHFKOHpoaXcifQ.eyJsb2dpbiI6IjAxYTIwNDU2LTU1NTEtNzE0MC1iNWQ1LWY1NzNkNjM1OWNlNSIsInJlYWxtIjoiMDFhMjA0NTYtNTQ3ZC03YTMyLTkzMTktYTJhN2Y1NTRhYzFlIiwiY3R4IjoiMmtvNzMyVEVnaE5CMnNiU19iNTkxZnpfWnp3Vlg5R1dkRlpyNmR6NXptWSIsImRlY2lzaW9uIjoiYXBwcm92ZSIsImlhdCI6MTc5NTM2OTA5NiwiY2IiOiJKd09Bb1pTSkJvdWZpTld3RlhjN0t0QnlmN3hBV29tTVhvRXpEbnNfTHk0In0.rgvSraOLUu-GxTP70nvtYBVS2tq-40EHLptrXa1wYWVMq6ceJA8CrRx154qjRTn2clk0uNrAG6dIawGDw5UPrQ', '\x100817a235b7228600b908ccb7a5d0d7', 1795369096612, 1795369216612, 1795397896612, '{"id":"01a20456-5551-7140-b5d5-f573d6359ce5","realm":"01a20456-547d-7a32-9319-a2a7f554ac1e","client":"01a20456-5495-7136-9b84-994d9f44f53e","realm_name":"Recorded","client_name":"Shop","created_at":1795369096529,"expires_at":1795369216529,"expected_user":"alice","text":"Recorded","browser":null,"place":null,"return_url":null,"page_hash":[255,102,32,195,177,97,43,84,233,79,145,158,200,248,108,219,157,26,21,11,137,105,188,1,123,83,119,93,72,248,97,43],"target":{"user":"alice"},"initiator":{"binding":null,"address":null},"number_match":false,"callback_url":null,"request":null}', 'directed', 1795369096585);


--
-- Data for Name: realm_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.realm_keys VALUES ('\x01a2045654007651a936696034a2248d', '\x34b2c8236b084ecb', 1, '\xb31bec394f025048afeb357646154df42d2524c250f520d668d40312a4f0be59', '\x01103dbbc761bcc86d1e79a83681b6a8e9d4bb2eb7166ce3ac877c2727f25ebbb28c33875136770b8d88ca2fe7d3b2bce1c576571b0a912196ff7a012b74b82515', '\x8443a10126a0589aaa01626e73025001a2045654007651a936696034a2248d035820b31bec394f025048afeb357646154df42d2524c250f520d668d40312a4f0be59044834b2c8236b084ecb0501061a6b032888071a6ec58f88080109010a584104ba17f732d5af599fe3658820db6f4aafb80a0c81aa83565fbee061946ae3716f1088ce0bb37a5ac5ea1cd67f321c4007b2a1662a0f5d2469915561a8676c43b95840c4d1123f927abb7f059989947e9ee63c0de48e3952cf1fe0065a4f5f175312b5afe4c35dfd819afd23677ee8e913ec98adc5c98844ed76eae6ab47e118c464dc', NULL);
INSERT INTO public.realm_keys VALUES ('\x01a20456547d7a329319a2a7f554ac1e', '\x19016d0ab2b87bda', 1, '\x56fca30a4e003377722a777f9cecf7686ba7c2eb543f422f442a7031bcdb404d', '\x01103dbbc7fe8264c3be42491e43cbbe792aafb04cc3d513d39d736b353edd8e4cabd12dcc5af4489861426012c78253d3e6dc26ac8c7dda888ee6133f88876470', '\x8443a10126a0589aaa01626e73025001a20456547d7a329319a2a7f554ac1e03582056fca30a4e003377722a777f9cecf7686ba7c2eb543f422f442a7031bcdb404d044819016d0ab2b87bda0501061a6b032888071a6ec58f88080109010a584104a8f731077c1d2b499c64295777cd67c529fd9c43db5d123b9997ac21aa64b5f920059e6d7e13f470394df091cc232cfd6c7bff019c2c6e6ebf5e4630708536cc5840e412cf7fdb9e3b24856ef1c01b6b1cc2a66ec46a3b07dcace2005b20312a445c96105a80ce338208d7c67fe061098511c0eb98221bdbe074c54b60ea924a2111', NULL);


--
-- Data for Name: realms; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.realms VALUES ('\x01a2045654007651a936696034a2248d', 'default', 'Default', 1795369096192, '{"login_secs":120,"redeem_secs":120,"session_secs":28800,"enrolment_secs":600,"silence_secs":0,"number_match":{"qr":false,"link":true,"directed":true},"enrolment_confirm":["number","phone","admin"],"listed_apps_only":false,"limits":{"initiator":{"most":30,"secs":600},"user":{"most":10,"secs":600},"account":{"most":5,"secs":600},"client":{"most":60000,"secs":60},"address":{"most":3000,"secs":600},"quarantine_secs":3600,"address_accounts":3,"address_secs":900},"trail_days":400,"outcome_days":400}', '\x73bc0c966a6522bb55be0b3b1be3212100bf4a91f0e5b4787d4f1780cf09287d', '\x01103dbbc7367fe7d07079dde4686dcbf84bb27b0df6a60e7387e8da7b8e46a95f8f5465fbe7544326a3b577625b5b15f8f5886f0133aaae5bcd33dafb801455748640de4a833e487e8d4cb982ef8d40a6c7eaf2652b3b752042060165eae1615771cc6cb6f3c0b86ea4580bc983fe45e294deed5e6ad195ae3935f576b29a66fa7f964551094866f4c2df8457e6de528d46c46c0e1325dcf64cb40abb5582cb031583b35e37d7bc9b56ec', '\x01103dbbc70baf05a6484003c4506959c84d743ac874fb7e9cc7e0101c07c7f0bd85fc301293d47c3a70c074f9c294083f6e8d8fa9f43746265ed250f098877ecc');
INSERT INTO public.realms VALUES ('\x01a20456547d7a329319a2a7f554ac1e', 'recorded', 'Recorded', 1795369096317, '{"login_secs":120,"redeem_secs":120,"session_secs":28800,"enrolment_secs":600,"silence_secs":0,"number_match":{"qr":false,"link":true,"directed":false},"enrolment_confirm":["none"],"listed_apps_only":false,"limits":{"initiator":{"most":30,"secs":600},"user":{"most":10,"secs":600},"account":{"most":5,"secs":600},"client":{"most":60000,"secs":60},"address":{"most":3000,"secs":600},"quarantine_secs":3600,"address_accounts":3,"address_secs":900},"trail_days":400,"outcome_days":400}', '\xa3cad68021b9547f85ae8919dcffaea657ed54d04eedd5436fea9a1cb6741e56', '\x01103dbbc78c8992030c0b1282df7b3803ba7c2fa8485e5b9239dc4f3b011233ffcffacd9a53d4a7a138dc10d1589f3d9424d374849bdc4ecc4ea140cc16037a09cd6a875eaa4f29b7ef915ed65c83f1e81515fe66b736ff3c98fc6bda162b7066a27eab8d718503a29736002dfbedd6602f671fa2c235c725583353ef0c6d9f868cee91b23f20588a95d851da3ed021ae8f3c328100f56ef8c877625fb276c046eda6f5bf4f9efe6cd534', '\x01103dbbc7efefbb0458f5a92692dc62ed41df27a4bcf00aa9ad7f1e6ad1f10b464518365f9e914be3cbf8d6ae84893633363167e76399793ea313714a36440dd9');


--
-- Data for Name: redemptions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.redemptions VALUES ('\x01a20456547d7a329319a2a7f554ac1e', '\x01a2045655517140b5d5f573d6359ce5', 1795369096638, NULL);


--
-- Data for Name: requests; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: roles; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: trail; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.trail VALUES ('\x01a2045653fd7d17ba2a29d12ba290f9', 1, NULL, 1795369096189, 'system', 'api_key.created', '74686520-6669-7273-7420-6f6620616c6c', NULL, NULL, 'root');
INSERT INTO public.trail VALUES ('\x01a2045654007af69251ca74d2c21ee2', 2, '\x01a2045654007651a936696034a2248d', 1795369096192, 'system', 'realm.created', 'default', NULL, NULL, NULL);
INSERT INTO public.trail VALUES ('\x01a20456547e7242a243c644cbbb1c6c', 3, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096318, 'key:74686520-6669-7273-7420-6f6620616c6c', 'realm.created', 'recorded', NULL, NULL, NULL);
INSERT INTO public.trail VALUES ('\x01a2045654957565a4a2193e935ae8fc', 4, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096341, 'key:74686520-6669-7273-7420-6f6620616c6c', 'client.created', '01a20456-5495-7136-9b84-994d9f44f53e', '\x01a20456549571369b84994d9f44f53e', NULL, NULL);
INSERT INTO public.trail VALUES ('\x01a2045654bd71f7aaf3d337b3ed7449', 5, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096381, 'key:74686520-6669-7273-7420-6f6620616c6c', 'api_key.created', '01a20456-54bd-7ad1-9039-01eea7fb4386', '\x01a20456549571369b84994d9f44f53e', NULL, 'client');
INSERT INTO public.trail VALUES ('\x01a2045654e4788f9821690564950832', 6, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096420, 'key:01a20456-54bd-7ad1-9039-01eea7fb4386', 'enrolment.created', '01a20456-54e4-739c-9250-553a65b29df3', '\x01a20456549571369b84994d9f44f53e', 'alice', NULL);
INSERT INTO public.trail VALUES ('\x01a20456552774d9892f2e8058b32043', 7, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096487, 'phone', 'enrolment.confirmed', '01a20456-54e4-739c-9250-553a65b29df3', '\x01a20456549571369b84994d9f44f53e', 'alice', NULL);
INSERT INTO public.trail VALUES ('\x01a2045655a475859b33cdb0eef748ff', 8, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096612, 'account:01a20456-5526-75dd-a4e5-94522c8548d9', 'login.approved', '01a20456-5551-7140-b5d5-f573d6359ce5', '\x01a20456549571369b84994d9f44f53e', 'alice', NULL);
INSERT INTO public.trail VALUES ('\x01a2045655be7ed78604cd7d1383d8ba', 9, '\x01a20456547d7a329319a2a7f554ac1e', 1795369096638, 'key:01a20456-54bd-7ad1-9039-01eea7fb4386', 'login.redeemed', '01a20456-5551-7140-b5d5-f573d6359ce5', '\x01a20456549571369b84994d9f44f53e', 'alice', NULL);


--
-- Data for Name: user_attributes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('\x01a20456547d7a329319a2a7f554ac1e', 'alice', NULL, 1795369096420);


--
-- Name: __diesel_schema_migrations __diesel_schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.__diesel_schema_migrations
    ADD CONSTRAINT __diesel_schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (realm, id);


--
-- Name: accounts accounts_realm_jkt_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_realm_jkt_key UNIQUE (realm, jkt);


--
-- Name: api_keys api_keys_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);


--
-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);


--
-- Name: apps apps_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.apps
    ADD CONSTRAINT apps_pkey PRIMARY KEY (realm, id);


--
-- Name: clients clients_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (realm, id);


--
-- Name: clients clients_realm_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_realm_name_key UNIQUE (realm, name);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (name);


--
-- Name: endings endings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.endings
    ADD CONSTRAINT endings_pkey PRIMARY KEY (realm, login);


--
-- Name: enrolments enrolments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrolments
    ADD CONSTRAINT enrolments_pkey PRIMARY KEY (realm, id);


--
-- Name: enrolments enrolments_realm_code_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrolments
    ADD CONSTRAINT enrolments_realm_code_hash_key UNIQUE (realm, code_hash);


--
-- Name: outcomes outcomes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (realm, id);


--
-- Name: realm_keys realm_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.realm_keys
    ADD CONSTRAINT realm_keys_pkey PRIMARY KEY (realm, key_id);


--
-- Name: realms realms_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.realms
    ADD CONSTRAINT realms_name_key UNIQUE (name);


--
-- Name: realms realms_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.realms
    ADD CONSTRAINT realms_pkey PRIMARY KEY (id);


--
-- Name: redemptions redemptions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.redemptions
    ADD CONSTRAINT redemptions_pkey PRIMARY KEY (realm, login);


--
-- Name: requests requests_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (id);


--
-- Name: roles roles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT roles_pkey PRIMARY KEY (scope, name);


--
-- Name: trail trail_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trail
    ADD CONSTRAINT trail_pkey PRIMARY KEY (id);


--
-- Name: trail trail_seq_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trail
    ADD CONSTRAINT trail_seq_key UNIQUE (seq);


--
-- Name: user_attributes user_attributes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_attributes
    ADD CONSTRAINT user_attributes_pkey PRIMARY KEY (realm, user_id, name);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (realm, user_id);


--
-- Name: accounts_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX accounts_by_user ON public.accounts USING btree (realm, user_id);


--
-- Name: outcomes_by_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outcomes_by_account ON public.outcomes USING btree (realm, account, ends_at);


--
-- Name: outcomes_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outcomes_by_end ON public.outcomes USING btree (realm, ends_at);


--
-- Name: outcomes_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outcomes_by_user ON public.outcomes USING btree (realm, user_id, ends_at);


--
-- Name: requests_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX requests_by_time ON public.requests USING btree (at);


--
-- Name: trail_by_object; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX trail_by_object ON public.trail USING btree (object);


--
-- Name: trail_by_realm; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX trail_by_realm ON public.trail USING btree (realm, seq);


--
-- Name: trail_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX trail_by_time ON public.trail USING btree (realm, at);


--
-- Name: trail_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX trail_by_user ON public.trail USING btree (realm, user_id);


--
-- Name: user_attributes_by_value; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX user_attributes_by_value ON public.user_attributes USING btree (realm, name, value);


--
-- Name: apps apps_realm_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.apps
    ADD CONSTRAINT apps_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);


--
-- Name: clients clients_realm_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);


--
-- Name: realm_keys realm_keys_realm_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.realm_keys
    ADD CONSTRAINT realm_keys_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);


--
-- PostgreSQL database dump complete
--


