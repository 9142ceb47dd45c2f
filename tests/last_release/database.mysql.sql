/*M!999999\- enable the sandbox mode */ 

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
DROP TABLE IF EXISTS `__diesel_schema_migrations`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `__diesel_schema_migrations` (
  `version` varchar(50) NOT NULL,
  `run_on` timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `__diesel_schema_migrations` WRITE;
/*!40000 ALTER TABLE `__diesel_schema_migrations` DISABLE KEYS */;
INSERT INTO `__diesel_schema_migrations` VALUES ('20261124000004','2026-11-22 17:39:00');
/*!40000 ALTER TABLE `__diesel_schema_migrations` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `accounts`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `accounts` (
  `realm` binary(16) NOT NULL,
  `id` binary(16) NOT NULL,
  `user_id` varchar(255) NOT NULL,
  `app` varchar(255) NOT NULL,
  `device` text NOT NULL,
  `jkt` binary(32) NOT NULL,
  `public_key` varbinary(4096) NOT NULL,
  `state` int(11) NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `blocked_by` text DEFAULT NULL,
  `app_version` text DEFAULT NULL,
  PRIMARY KEY (`realm`,`id`),
  UNIQUE KEY `realm` (`realm`,`jkt`),
  KEY `accounts_by_user` (`realm`,`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `accounts` WRITE;
/*!40000 ALTER TABLE `accounts` DISABLE KEYS */;
INSERT INTO `accounts` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,0x01A20457034974BFA0092ECFC3E54DF1,'alice','countersign-phone','virtual phone',0x6AD42C164B65D892D2B6BF4DB34698AC0F4745FED467F7A50F8B87E83B9CAD7F,0x04B36BF618E7C72E5F85201B3D0A8FBE34559DF16FC8C765B9EBF4B1059CC727CC27243F6D8DC2839F1F1B488C16AF92F813FF09C4523A5D356216C6A811BDD16F,2,1795369141065,NULL,'0.1.0');
/*!40000 ALTER TABLE `accounts` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `api_keys`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `api_keys` (
  `id` binary(16) NOT NULL,
  `hash` binary(32) NOT NULL,
  `role` varchar(255) NOT NULL,
  `realm` binary(16) DEFAULT NULL,
  `client` binary(16) DEFAULT NULL,
  `created_at` bigint(20) NOT NULL,
  `expires_at` bigint(20) DEFAULT NULL,
  `last_used_at` bigint(20) DEFAULT NULL,
  `name` text DEFAULT NULL,
  `sources` mediumtext NOT NULL,
  `successor` binary(16) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `hash` (`hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `api_keys` WRITE;
/*!40000 ALTER TABLE `api_keys` DISABLE KEYS */;
INSERT INTO `api_keys` VALUES (0x01A2045702E27797B558253BC72D5A03,0x5DC4DD6E32C8A85C13982D6ADC4485AA41EE0CFB0F38C1D0AE2578AC1C267D6F,'client',0x01A2045702B17AEBA970BD5E1EADAF72,0x01A2045702C77B04B32D7F9609504636,1795369140962,NULL,1795369140989,NULL,'[]',NULL);
INSERT INTO `api_keys` VALUES (0x746865206669727374206F6620616C6C,0xB805CF448779B5FAA882F6DE76D29D55B8D65DA2A4213AC4000031C6C593FB4B,'root',NULL,NULL,1795369140840,NULL,1795369140910,NULL,'[]',NULL);
/*!40000 ALTER TABLE `api_keys` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `apps`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `apps` (
  `realm` binary(16) NOT NULL,
  `id` varchar(255) NOT NULL,
  `display_name` text NOT NULL,
  `min_version` text DEFAULT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`realm`,`id`),
  CONSTRAINT `apps_ibfk_1` FOREIGN KEY (`realm`) REFERENCES `realms` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `apps` WRITE;
/*!40000 ALTER TABLE `apps` DISABLE KEYS */;
/*!40000 ALTER TABLE `apps` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `clients`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `clients` (
  `realm` binary(16) NOT NULL,
  `id` binary(16) NOT NULL,
  `name` varchar(255) NOT NULL,
  `display_name` text NOT NULL,
  `origins` mediumtext NOT NULL,
  `return_urls` mediumtext NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `logo` text DEFAULT NULL,
  `callback_urls` mediumtext NOT NULL,
  `templates` mediumtext NOT NULL,
  PRIMARY KEY (`realm`,`id`),
  UNIQUE KEY `realm` (`realm`,`name`),
  CONSTRAINT `clients_ibfk_1` FOREIGN KEY (`realm`) REFERENCES `realms` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `clients` WRITE;
/*!40000 ALTER TABLE `clients` DISABLE KEYS */;
INSERT INTO `clients` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,0x01A2045702C77B04B32D7F9609504636,'shop','Shop','[]','[]',1795369140935,NULL,'[]','{}');
/*!40000 ALTER TABLE `clients` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `counters`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `counters` (
  `name` varchar(255) NOT NULL,
  `n` bigint(20) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `counters` WRITE;
/*!40000 ALTER TABLE `counters` DISABLE KEYS */;
INSERT INTO `counters` VALUES ('oldest_schema',4);
INSERT INTO `counters` VALUES ('trail',9);
/*!40000 ALTER TABLE `counters` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `endings`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `endings` (
  `realm` binary(16) NOT NULL,
  `login` binary(16) NOT NULL,
  `ended_by` text NOT NULL,
  `at` bigint(20) NOT NULL,
  PRIMARY KEY (`realm`,`login`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `endings` WRITE;
/*!40000 ALTER TABLE `endings` DISABLE KEYS */;
/*!40000 ALTER TABLE `endings` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `enrolments`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `enrolments` (
  `realm` binary(16) NOT NULL,
  `id` binary(16) NOT NULL,
  `client` binary(16) NOT NULL,
  `user_id` varchar(255) NOT NULL,
  `code_hash` binary(32) NOT NULL,
  `confirm` varchar(255) NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `expires_at` bigint(20) NOT NULL,
  `state` varchar(255) NOT NULL,
  `tries_left` int(11) NOT NULL,
  `account` binary(16) DEFAULT NULL,
  `jkt` binary(32) DEFAULT NULL,
  `req_id` binary(16) DEFAULT NULL,
  `device` text DEFAULT NULL,
  `number` text DEFAULT NULL,
  `approval` text DEFAULT NULL,
  PRIMARY KEY (`realm`,`id`),
  UNIQUE KEY `realm` (`realm`,`code_hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `enrolments` WRITE;
/*!40000 ALTER TABLE `enrolments` DISABLE KEYS */;
INSERT INTO `enrolments` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,0x01A20457030477368C9747835BA97B9B,0x01A2045702C77B04B32D7F9609504636,'alice',0xC9D1BF82279C2F73FF97508D54FABE28914300F1A553273679137AA5154EE11E,'none',1795369140996,1795369740996,'confirmed',3,0x01A20457034974BFA0092ECFC3E54DF1,0x6AD42C164B65D892D2B6BF4DB34698AC0F4745FED467F7A50F8B87E83B9CAD7F,0x8E6BE1C8451054D0DC425BDC3216DCA9,'virtual phone',NULL,NULL);
/*!40000 ALTER TABLE `enrolments` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `outcomes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `outcomes` (
  `realm` binary(16) NOT NULL,
  `id` binary(16) NOT NULL,
  `state` int(11) NOT NULL,
  `reason` text DEFAULT NULL,
  `account` binary(16) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  `by_link` tinyint(1) NOT NULL,
  `decision` text DEFAULT NULL,
  `req_id` binary(16) DEFAULT NULL,
  `decided_at` bigint(20) NOT NULL,
  `redeem_by` bigint(20) NOT NULL,
  `ends_at` bigint(20) NOT NULL,
  `login` mediumtext NOT NULL,
  `via` text DEFAULT NULL,
  `claimed_at` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`realm`,`id`),
  KEY `outcomes_by_account` (`realm`,`account`,`ends_at`),
  KEY `outcomes_by_user` (`realm`,`user_id`,`ends_at`),
  KEY `outcomes_by_end` (`realm`,`ends_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `outcomes` WRITE;
/*!40000 ALTER TABLE `outcomes` DISABLE KEYS */;
INSERT INTO `outcomes` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,0x01A2045703627CA1BFC5A54B2CB5CE13,3,NULL,0x01A20457034974BFA0092ECFC3E54DF1,'alice',0,'eyJhbGciOiJFUzI1NiIsInR5cCI6ImNzLWxvZ2luK2p3dCIsImtpZCI6ImF0UXNGa3RsMkpMU3RyOU5zMGFZckE5SFJmN1VaX2VsRDR1SDZEdWNyWDgifQ.eyJsb2dpbiI6IjAxYTIwNDU3LTAzNjItN2NhMS1iZmM1LWE1NGIyY2I1Y2UxMyIsInJlYWxtIjoiMDFhMjA0NTctMDJiMS03YWViLWE5NzAtYmQ1ZTFlYWRhZjcyIiwiY3R4IjoidTV1c3c4aGNVVzZQNVlmUG1XQ2V6bTE3bV83RWdQRXdTdFhwdVlDYWxEMCIsImRlY2lzaW9uIjoiYXBwcm92ZSIsImlhdCI6MTc5NTM2OTE0MSwiY2IiOiJ6WUQ1WU1XWkx2V2JvQWQtVy01SENmOUYta05CN3lSTjk0emxDbnBHOXVVIn0.qW86MJyRkP5bizXrVCylCq5_REPls1ffvlQQCfm040T0kwC1YYntZFpu81dYwC1vkO-ysxEiesa0sldYOMVNhA',0x9326842E70BE77E06E02C3790743E6DC,1795369141167,1795369261167,1795397941167,'{\"id\":\"01a20457-0362-7ca1-bfc5-a54b2cb5ce13\",\"realm\":\"01a20457-02b1-7aeb-a970-bd5e1eadaf72\",\"client\":\"01a20457-02c7-7b04-b32d-7f9609504636\",\"realm_name\":\"Recorded\",\"client_name\":\"Shop\",\"created_at\":1795369141090,\"expires_at\":1795369261090,\"expected_user\":\"alice\",\"text\":\"Recorded\",\"browser\":null,\"place\":null,\"return_url\":null,\"page_hash\":[110,146,89,32,124,148,142,202,156,84,53,84,159,106,203,113,145,180,216,56,175,1,49,121,178,243,136,162,198,157,125,99],\"target\":{\"user\":\"alice\"},\"initiator\":{\"binding\":null,\"address\":null},\"number_match\":false,\"callback_url\":null,\"request\":null}','directed',1795369141151);
/*!40000 ALTER TABLE `outcomes` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `realm_keys`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `realm_keys` (
  `realm` binary(16) NOT NULL,
  `key_id` binary(8) NOT NULL,
  `epoch` bigint(20) NOT NULL,
  `public_key` varbinary(4096) NOT NULL,
  `sealed` varbinary(4096) NOT NULL,
  `statement` varbinary(4096) NOT NULL,
  `retired_at` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`realm`,`key_id`),
  CONSTRAINT `realm_keys_ibfk_1` FOREIGN KEY (`realm`) REFERENCES `realms` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `realm_keys` WRITE;
/*!40000 ALTER TABLE `realm_keys` DISABLE KEYS */;
INSERT INTO `realm_keys` VALUES (0x01A20457026B7E1EA4BAC467D3C781A8,0xB3E0DF42F5A5FC3F,1,0x0CB13EF7758B696CA4DB350F280AC0D5174943243AA03E4FB5B03B80B6640804,0x01103DBBC79EA11BAA1C953C5B37208C73D9D1FEC25B8721F320D81875FC89B8ACF6A2CA21D1DC64F8C2671F40EBFC7EB761DBFA8F4B56F865478A135BA5ADF0D2,0x8443A10126A0589AAA01626E73025001A20457026B7E1EA4BAC467D3C781A80358200CB13EF7758B696CA4DB350F280AC0D5174943243AA03E4FB5B03B80B66408040448B3E0DF42F5A5FC3F0501061A6B0328B4071A6EC58FB4080109010A584104C6FF969B98EC14F76C04AAC50E04DE9582E15CDAEE419D6B12972084606586A0E8B5680019230D886FC3762181251331D4CC345772DDE966FBA222ADE45E796F58400118621D67932E729DFD7D6E251C0202785BA060B3369A6699CAA5A1EC1AA13FD09F1439F11684287287FC7A286352C2C977458B9C372AB1402131720D0CA00D,NULL);
INSERT INTO `realm_keys` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,0xBB88472F511B20C5,1,0x17E26AADF3BFC6EB519B546CC53947BF8B7D719B77F7A2151132C38BED68A931,0x01103DBBC71391A470A6D6C15B3683B9B9CA3A7DEB9E08893B3BA3F172294A95F2A6ACF49172F50AC909F03B0E2EA6F37E467AC2FC0BE30337D6809724382E4157,0x8443A10126A0589AAA01626E73025001A2045702B17AEBA970BD5E1EADAF7203582017E26AADF3BFC6EB519B546CC53947BF8B7D719B77F7A2151132C38BED68A9310448BB88472F511B20C50501061A6B0328B4071A6EC58FB4080109010A584104BF0F7DCAB216A9399B65F878B1719433C594832DAA27216E7A27FE13D994170978AF775EBB53551E3076CDAA80EED7CC0CC5E2FBA712A6704D1D0266180A6A7F58401189FE751DFB1F7A3E8765179CC83996354CDE208ACF1D16D08A2F755F286AB4E0ED0766F3CE547400120DEB4BBED36C89B0EF4092ACC73E76AB7073D4224B44,NULL);
/*!40000 ALTER TABLE `realm_keys` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `realms`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `realms` (
  `id` binary(16) NOT NULL,
  `name` varchar(255) NOT NULL,
  `display_name` text NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `settings` mediumtext NOT NULL,
  `root_pin` varbinary(4096) NOT NULL,
  `sealed_root` varbinary(4096) DEFAULT NULL,
  `sealed_qr` varbinary(4096) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `realms` WRITE;
/*!40000 ALTER TABLE `realms` DISABLE KEYS */;
INSERT INTO `realms` VALUES (0x01A20457026B7E1EA4BAC467D3C781A8,'default','Default',1795369140843,'{\"login_secs\":120,\"redeem_secs\":120,\"session_secs\":28800,\"enrolment_secs\":600,\"silence_secs\":0,\"number_match\":{\"qr\":false,\"link\":true,\"directed\":true},\"enrolment_confirm\":[\"number\",\"phone\",\"admin\"],\"listed_apps_only\":false,\"limits\":{\"initiator\":{\"most\":30,\"secs\":600},\"user\":{\"most\":10,\"secs\":600},\"account\":{\"most\":5,\"secs\":600},\"client\":{\"most\":60000,\"secs\":60},\"address\":{\"most\":3000,\"secs\":600},\"quarantine_secs\":3600,\"address_accounts\":3,\"address_secs\":900},\"trail_days\":400,\"outcome_days\":400}',0x6C1BD976485A8263173EAA8E4D98AC40D16D02A537E598B655ED30A240F668D9,0x01103DBBC7A152CFCC04C9973B44177EB7AE51B7F07EC6919CEB993D5930C31CFC44A635D73E861305E59669FFA3B26FF11CEFE34812EC8036EA501DFC203AE1CF174A2C97705C133E1144A66C0EAB0C4483A20A8888A383D1501F153006A7AE99197BFF8930B686885A1D230CA4CBAF0289224D33677C316C82C22327A0B3120C86371569201A2EA22918428625E6A646D4DAC70162DCDE3BACFC78157C4FED574743F35281C08581FB52,0x01103DBBC703500E20A4E62D0F2593522B1FE7C8B8DC8820A7969D755465C8686C8BA7AE22FB2E708DB25E097294C5A959AF68F9D98358D00E84D1D3D1186C7201);
INSERT INTO `realms` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,'recorded','Recorded',1795369140913,'{\"login_secs\":120,\"redeem_secs\":120,\"session_secs\":28800,\"enrolment_secs\":600,\"silence_secs\":0,\"number_match\":{\"qr\":false,\"link\":true,\"directed\":false},\"enrolment_confirm\":[\"none\"],\"listed_apps_only\":false,\"limits\":{\"initiator\":{\"most\":30,\"secs\":600},\"user\":{\"most\":10,\"secs\":600},\"account\":{\"most\":5,\"secs\":600},\"client\":{\"most\":60000,\"secs\":60},\"address\":{\"most\":3000,\"secs\":600},\"quarantine_secs\":3600,\"address_accounts\":3,\"address_secs\":900},\"trail_days\":400,\"outcome_days\":400}',0xA252444E4D838017518AC3F351F3C7C4706E3CA144157E343C55EF2774706B8D,0x01103DBBC7A21DF40352B4549E48AE7CED43B9AE7902907D92996F786BAC88E4AC70F3685E2B48C26F7E2970E8665ED04CD1660FE5D7A80EBC60575F679D568F14A7D6E0797A2EE71E4043E36F40122C53C0923028E2B73BA64210978ED64C927C0A338F1A1BE38E93EA5BB02EC0C4EF8ECD80A7A9B80569C8C1A298B413E4BF94AA5349BE5D7978A3A1A3F11F3ED50228FDE1F0D23AA0848D76CA47312DAB1E508F9CC2B2973B2F9F88FB,0x01103DBBC78AC4B124BDC9524106045A29B9099952FA3CBE26B1075A719A591C697C6F1F22B0104EC178D45E38D4FF7E78CCD6666BFF8B60F6E61E3DD48D85DDC5);
/*!40000 ALTER TABLE `realms` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `redemptions`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `redemptions` (
  `realm` binary(16) NOT NULL,
  `login` binary(16) NOT NULL,
  `at` bigint(20) NOT NULL,
  `request` binary(16) DEFAULT NULL,
  PRIMARY KEY (`realm`,`login`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `redemptions` WRITE;
/*!40000 ALTER TABLE `redemptions` DISABLE KEYS */;
INSERT INTO `redemptions` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,0x01A2045703627CA1BFC5A54B2CB5CE13,1795369141185,NULL);
/*!40000 ALTER TABLE `redemptions` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `requests`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `requests` (
  `id` binary(16) NOT NULL,
  `hash` binary(32) NOT NULL,
  `at` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `requests_by_time` (`at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `requests` WRITE;
/*!40000 ALTER TABLE `requests` DISABLE KEYS */;
/*!40000 ALTER TABLE `requests` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `roles`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `roles` (
  `scope` binary(16) NOT NULL,
  `name` varchar(255) NOT NULL,
  `permissions` mediumtext NOT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`scope`,`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `roles` WRITE;
/*!40000 ALTER TABLE `roles` DISABLE KEYS */;
/*!40000 ALTER TABLE `roles` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `trail`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `trail` (
  `id` binary(16) NOT NULL,
  `seq` bigint(20) DEFAULT NULL,
  `realm` binary(16) DEFAULT NULL,
  `at` bigint(20) NOT NULL,
  `actor` varchar(255) NOT NULL,
  `action` varchar(255) NOT NULL,
  `object` varchar(255) NOT NULL,
  `client` binary(16) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  `detail` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `seq` (`seq`),
  KEY `trail_by_realm` (`realm`,`seq`),
  KEY `trail_by_user` (`realm`,`user_id`),
  KEY `trail_by_object` (`object`),
  KEY `trail_by_time` (`realm`,`at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `trail` WRITE;
/*!40000 ALTER TABLE `trail` DISABLE KEYS */;
INSERT INTO `trail` VALUES (0x01A20457026872BAA10379DC654D5692,1,NULL,1795369140840,'system','api_key.created','74686520-6669-7273-7420-6f6620616c6c',NULL,NULL,'root');
INSERT INTO `trail` VALUES (0x01A20457026B7F2CB862E550CB5D8894,2,0x01A20457026B7E1EA4BAC467D3C781A8,1795369140843,'system','realm.created','default',NULL,NULL,NULL);
INSERT INTO `trail` VALUES (0x01A2045702B17721A26BE0A8819C9861,3,0x01A2045702B17AEBA970BD5E1EADAF72,1795369140913,'key:74686520-6669-7273-7420-6f6620616c6c','realm.created','recorded',NULL,NULL,NULL);
INSERT INTO `trail` VALUES (0x01A2045702C77676A35240ADDEA2B5C6,4,0x01A2045702B17AEBA970BD5E1EADAF72,1795369140935,'key:74686520-6669-7273-7420-6f6620616c6c','client.created','01a20457-02c7-7b04-b32d-7f9609504636',0x01A2045702C77B04B32D7F9609504636,NULL,NULL);
INSERT INTO `trail` VALUES (0x01A2045702E27AF4AD2ACE9FD1C48B91,5,0x01A2045702B17AEBA970BD5E1EADAF72,1795369140962,'key:74686520-6669-7273-7420-6f6620616c6c','api_key.created','01a20457-02e2-7797-b558-253bc72d5a03',0x01A2045702C77B04B32D7F9609504636,NULL,'client');
INSERT INTO `trail` VALUES (0x01A2045703047C169D439136CED8B887,6,0x01A2045702B17AEBA970BD5E1EADAF72,1795369140996,'key:01a20457-02e2-7797-b558-253bc72d5a03','enrolment.created','01a20457-0304-7736-8c97-47835ba97b9b',0x01A2045702C77B04B32D7F9609504636,'alice',NULL);
INSERT INTO `trail` VALUES (0x01A20457034B7D3BAD08FE624D64BC9A,7,0x01A2045702B17AEBA970BD5E1EADAF72,1795369141067,'phone','enrolment.confirmed','01a20457-0304-7736-8c97-47835ba97b9b',0x01A2045702C77B04B32D7F9609504636,'alice',NULL);
INSERT INTO `trail` VALUES (0x01A2045703AF776C9A6FF856C5144B9A,8,0x01A2045702B17AEBA970BD5E1EADAF72,1795369141167,'account:01a20457-0349-74bf-a009-2ecfc3e54df1','login.approved','01a20457-0362-7ca1-bfc5-a54b2cb5ce13',0x01A2045702C77B04B32D7F9609504636,'alice',NULL);
INSERT INTO `trail` VALUES (0x01A2045703C17EE298CD7C2F4ADE92A2,9,0x01A2045702B17AEBA970BD5E1EADAF72,1795369141185,'key:01a20457-02e2-7797-b558-253bc72d5a03','login.redeemed','01a20457-0362-7ca1-bfc5-a54b2cb5ce13',0x01A2045702C77B04B32D7F9609504636,'alice',NULL);
/*!40000 ALTER TABLE `trail` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `user_attributes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `user_attributes` (
  `realm` binary(16) NOT NULL,
  `user_id` varchar(255) NOT NULL,
  `name` varchar(255) NOT NULL,
  `value` varchar(1024) NOT NULL,
  PRIMARY KEY (`realm`,`user_id`,`name`),
  KEY `user_attributes_by_value` (`realm`,`name`,`value`(255))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `user_attributes` WRITE;
/*!40000 ALTER TABLE `user_attributes` DISABLE KEYS */;
/*!40000 ALTER TABLE `user_attributes` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `users`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `users` (
  `realm` binary(16) NOT NULL,
  `user_id` varchar(255) NOT NULL,
  `display_name` text DEFAULT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`realm`,`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `users` WRITE;
/*!40000 ALTER TABLE `users` DISABLE KEYS */;
INSERT INTO `users` VALUES (0x01A2045702B17AEBA970BD5E1EADAF72,'alice',NULL,1795369140996);
/*!40000 ALTER TABLE `users` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

