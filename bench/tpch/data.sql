CREATE TEMP TABLE prose AS SELECT 'carefully final deposits detect slyly against the special packages; quickly regular requests nag among the '
	'furiously ironic accounts. pending theodolites sleep blithely after the bold foxes; express instructions boost above the silent '
	'dependencies. even pinto beans cajole along the unusual ideas. regular platelets wake; special, ironic requests haggle between the '
	'fluffily busy asymptotes. thin dolphins integrate across the daring sentiments; quick courts hinder idle braids from the dogged '
	'realms. ruthless multipliers solve the close epitaphs; sauternes engage final frets about the blithe tithes, warhorses and hockey '
	'players doze over the permanent excuses. bold pending deposits affix the stealthy grouches' AS words;

INSERT INTO region SELECT k, (ARRAY['AFRICA','AMERICA','ASIA','EUROPE','MIDDLE EAST'])[k + 1], substr(words, 1 + 40 * k, 90)
FROM generate_series(0, 4) k, prose;

INSERT INTO nation SELECT o - 1, name, region, substr(words, 1 + 9 * o::int, 80) FROM prose,
	unnest(ARRAY['ALGERIA','ARGENTINA','BRAZIL','CANADA','EGYPT','ETHIOPIA','FRANCE','GERMANY','INDIA','INDONESIA','IRAN','IRAQ',
		'JAPAN','JORDAN','KENYA','MOROCCO','MOZAMBIQUE','PERU','CHINA','ROMANIA','SAUDI ARABIA','VIETNAM','RUSSIA',
		'UNITED KINGDOM','UNITED STATES'],
	ARRAY[0,1,1,1,4,0,3,3,2,2,4,4,2,4,0,0,0,1,2,3,4,2,3,3,1]) WITH ORDINALITY AS t (name, region, o);

INSERT INTO supplier SELECT k, 'Supplier#' || lpad(k::text, 9, '0'), substr(md5(k::text), 1, 10 + k % 20), n,
	10 + n || '-' || 100 + (random() * 899)::int || '-' || 100 + (random() * 899)::int || '-' || 1000 + (random() * 8999)::int,
	round((random() * 10999 - 999)::numeric, 2),
	CASE WHEN k % 1987 = 7 THEN 'blithely Customer stealthy Complaints' ELSE substr(words, 1 + (random() * 560)::int, 25 + (random() * 75)::int) END
FROM (SELECT k, floor(random() * 25)::int AS n FROM generate_series(1, {suppliers}) k) s, prose;

INSERT INTO part SELECT k, c[1 + floor(random() * cardinality(c))::int] || ' ' || c[1 + floor(random() * cardinality(c))::int] || ' ' || c[1 + floor(random() * cardinality(c))::int] || ' '
		|| c[1 + floor(random() * cardinality(c))::int] || ' ' || c[1 + floor(random() * cardinality(c))::int],
	'Manufacturer#' || m, 'Brand#' || m || 1 + floor(random() * 5)::int,
	(ARRAY['STANDARD','SMALL','MEDIUM','LARGE','ECONOMY','PROMO'])[1 + floor(random() * 6)::int] || ' ' ||
	(ARRAY['ANODIZED','BURNISHED','PLATED','POLISHED','BRUSHED'])[1 + floor(random() * 5)::int] || ' ' ||
	(ARRAY['TIN','NICKEL','BRASS','STEEL','COPPER'])[1 + floor(random() * 5)::int], 1 + floor(random() * 50)::int,
	(ARRAY['SM','LG','MED','JUMBO','WRAP'])[1 + floor(random() * 5)::int] || ' ' ||
	(ARRAY['CASE','BOX','BAG','JAR','PKG','PACK','CAN','DRUM'])[1 + floor(random() * 8)::int],
	(90000 + (k / 10) % 20001 + 100 * (k % 1000))::numeric / 100, substr(words, 1 + (random() * 560)::int, 5 + (random() * 17)::int)
FROM (SELECT k, 1 + floor(random() * 5)::int AS m FROM generate_series(1, {parts}) k) s, prose,
	(SELECT ARRAY['almond','antique','aquamarine','azure','beige','bisque','black','blanched','blue','blush','brown','burlywood','chartreuse',
	'chiffon','chocolate','coral','cornflower','cream','cyan','dark','forest','frosted','gainsboro','ghost','goldenrod','green','grey',
	'honeydew','hot','khaki','lace','lavender','lawn','lemon','light','lime','linen','magenta','maroon','medium','metallic','midnight','mint',
	'misty','moccasin','navajo','navy','olive','orange','orchid','pale','papaya','peach','peru','pink','plum','powder','puff','purple','red',
	'rose','rosy','royal','saddle','salmon','sandy','seashell','sienna','sky','slate','smoke','snow','spring','steel','tan','thistle','tomato',
	'turquoise','violet','wheat','white','yellow'] AS c) colours;

INSERT INTO partsupp SELECT p, 1 + ((p + i * ({suppliers} / 4 + (p - 1) / {suppliers})) % {suppliers}), 1 + (random() * 9998)::int,
	round((1 + random() * 999)::numeric, 2), substr(words, 1 + (random() * 460)::int, 49 + (random() * 149)::int)
FROM generate_series(1, {parts}) p, generate_series(0, 3) i, prose;

INSERT INTO customer SELECT k, 'Customer#' || lpad(k::text, 9, '0'), substr(md5(k::text), 1, 10 + k % 20), n,
	10 + n || '-' || 100 + (random() * 899)::int || '-' || 100 + (random() * 899)::int || '-' || 1000 + (random() * 8999)::int,
	round((random() * 10999 - 999)::numeric, 2),
	(ARRAY['AUTOMOBILE','BUILDING','FURNITURE','MACHINERY','HOUSEHOLD'])[1 + floor(random() * 5)::int],
	substr(words, 1 + (random() * 540)::int, 29 + (random() * 87)::int)
FROM (SELECT k, floor(random() * 25)::int AS n FROM generate_series(1, {customers}) k) s, prose;

INSERT INTO orders SELECT 32 * (k / 8) + k % 8 + 1, cust, CASE WHEN day < DATE '1995-03-01' THEN 'F' WHEN day < DATE '1995-06-17' THEN 'P' ELSE 'O' END,
	round((900 + 300000 * random() * (0.3 + 0.7 * random()))::numeric, 2), day,
	(ARRAY['1-URGENT','2-HIGH','3-MEDIUM','4-NOT SPECIFIED','5-LOW'])[1 + floor(random() * 5)::int],
	'Clerk#' || lpad((1 + floor(random() * {clerks}))::int::text, 9, '0'), 0, substr(words, 1 + (random() * 560)::int, 19 + (random() * 59)::int)
FROM (SELECT k, DATE '1992-01-01' + floor(random() * 2406)::int AS day,
	1 + 3 * floor(random() * {customers} / 3)::int + floor(random() * 2)::int AS cust FROM generate_series(0, {orders} - 1) k) s, prose;

INSERT INTO lineitem SELECT o_orderkey, p, 1 + ((p + floor(random() * 4)::int * ({suppliers} / 4 + (p - 1) / {suppliers})) % {suppliers}),
	line, q, q * (90000 + (p / 10) % 20001 + 100 * (p % 1000))::numeric / 100, round((random() * 10)::numeric) / 100, round((random() * 8)::numeric) / 100,
	CASE WHEN receipt > DATE '1995-06-17' THEN 'N' WHEN random() < 0.5 THEN 'R' ELSE 'A' END,
	CASE WHEN ship > DATE '1995-06-17' THEN 'O' ELSE 'F' END, ship, o_orderdate + 30 + floor(random() * 61)::int, receipt,
	(ARRAY['DELIVER IN PERSON','COLLECT COD','NONE','TAKE BACK RETURN'])[1 + floor(random() * 4)::int],
	(ARRAY['REG AIR','AIR','RAIL','SHIP','TRUCK','MAIL','FOB'])[1 + floor(random() * 7)::int],
	substr(words, 1 + (random() * 560)::int, 10 + (random() * 33)::int)
FROM (SELECT o_orderkey, o_orderdate, line, ship, ship + 1 + floor(random() * 30)::int AS receipt,
		1 + floor(random() * {parts})::int AS p, 1 + floor(random() * 50)::numeric AS q
	FROM (SELECT o_orderkey, o_orderdate, line, o_orderdate + 1 + floor(random() * 121)::int AS ship
		FROM (SELECT o_orderkey, o_orderdate, 1 + floor(random() * 7)::int AS lines FROM orders OFFSET 0) o, generate_series(1, lines) line
		OFFSET 0) dated OFFSET 0) l, prose;
DROP TABLE prose;

ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey);
ALTER TABLE part ADD PRIMARY KEY (p_partkey);
ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey);
ALTER TABLE customer ADD PRIMARY KEY (c_custkey);
ALTER TABLE orders ADD PRIMARY KEY (o_orderkey);
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
