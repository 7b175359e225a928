ALTER TABLE users ADD KEY login (login), ADD KEY email (email);
ALTER TABLE settings ADD UNIQUE KEY user_name (user_id, name);
ALTER TABLE posts ADD KEY user_id (user_id), ADD KEY parent_id (parent_id);
ALTER TABLE comments ADD KEY user_id (user_id), ADD KEY post_id (post_id);
ALTER TABLE follows ADD KEY followee_id (followee_id);
ALTER TABLE orders ADD KEY user_id (user_id);
