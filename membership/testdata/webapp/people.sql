-- A study as the web app's own requests create it: users sign up, one founds the study, the others ask to join and are accepted,
-- removed, or leave.

INSERT INTO "User" ("id", "email", "password", "name", "avatar", "updatedAt") VALUES
    ('cm3owner0000008l5a1b2c3d4', 'minsu@example.com', '$2b$10$hash', '김민수', 'https://cdn.example.com/minsu.png', CURRENT_TIMESTAMP),
    ('cm3admin0000008l5a1b2c3d4', 'jiwon@example.com', '$2b$10$hash', '박지원', 'data:image/png;base64,iVBORw0KGgo=', CURRENT_TIMESTAMP),
    ('cm3member000008l5a1b2c3d4', 'seoyeon@example.com', '$2b$10$hash', '이서연', NULL, CURRENT_TIMESTAMP),
    ('cm3asking000008l5a1b2c3d4', 'doyun@example.com', '$2b$10$hash', '정도윤', NULL, CURRENT_TIMESTAMP),
    ('cm3kicked000008l5a1b2c3d4', 'hajun@example.com', '$2b$10$hash', '최하준', NULL, CURRENT_TIMESTAMP),
    ('cm3former000008l5a1b2c3d4', 'yuna@example.com', '$2b$10$hash', '한유나', NULL, CURRENT_TIMESTAMP),
    ('cm3outside00008l5a1b2c3d4', 'taeo@example.com', '$2b$10$hash', '서태오', NULL, CURRENT_TIMESTAMP);
INSERT INTO "User" ("id", "email", "name", "provider", "updatedAt") VALUES
    ('cm3nameless0008l5a1b2c3d4', 'nameless@example.com', NULL, 'GITHUB', CURRENT_TIMESTAMP);
INSERT INTO "User" ("id", "email", "name", "status", "suspendedUntil", "updatedAt") VALUES
    ('cm3suspended08l5a1b2c3d4e', 'gone@example.com', '강정우', 'SUSPENDED', CURRENT_TIMESTAMP + interval '7 days', CURRENT_TIMESTAMP);

INSERT INTO "Study" ("id", "ownerId", "name", "description", "tags", "updatedAt") VALUES
    ('cm3study0000008l5a1b2c3d4', 'cm3owner0000008l5a1b2c3d4', '알고리즘 스터디', '매주 두 번', '{"algorithm"}', CURRENT_TIMESTAMP),
    ('cm3empty0000008l5a1b2c3d4', 'cm3outside00008l5a1b2c3d4', '새 스터디', '', '{}', CURRENT_TIMESTAMP);

INSERT INTO "StudyMember" ("id", "studyId", "userId", "role", "status", "approvedAt") VALUES
    ('cm3m1', 'cm3study0000008l5a1b2c3d4', 'cm3owner0000008l5a1b2c3d4', 'OWNER', 'ACTIVE', CURRENT_TIMESTAMP);
INSERT INTO "StudyMember" ("id", "studyId", "userId", "introduction") VALUES
    ('cm3m2', 'cm3study0000008l5a1b2c3d4', 'cm3admin0000008l5a1b2c3d4', '안녕하세요'),
    ('cm3m3', 'cm3study0000008l5a1b2c3d4', 'cm3member000008l5a1b2c3d4', NULL),
    ('cm3m4', 'cm3study0000008l5a1b2c3d4', 'cm3asking000008l5a1b2c3d4', NULL),
    ('cm3m5', 'cm3study0000008l5a1b2c3d4', 'cm3kicked000008l5a1b2c3d4', NULL),
    ('cm3m6', 'cm3study0000008l5a1b2c3d4', 'cm3former000008l5a1b2c3d4', NULL),
    ('cm3m7', 'cm3study0000008l5a1b2c3d4', 'cm3nameless0008l5a1b2c3d4', NULL),
    ('cm3m8', 'cm3study0000008l5a1b2c3d4', 'cm3suspended08l5a1b2c3d4e', NULL);
UPDATE "StudyMember" SET "status" = 'ACTIVE', "approvedAt" = CURRENT_TIMESTAMP WHERE "id" IN ('cm3m2', 'cm3m3', 'cm3m5', 'cm3m6', 'cm3m7', 'cm3m8');
UPDATE "StudyMember" SET "role" = 'ADMIN' WHERE "id" = 'cm3m2';
UPDATE "StudyMember" SET "status" = 'KICKED' WHERE "id" = 'cm3m5';
UPDATE "StudyMember" SET "status" = 'LEFT' WHERE "id" = 'cm3m6';
