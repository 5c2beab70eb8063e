create table regions (id integer primary key, name varchar not null);
insert into regions values (1, 'Central Europe'), (2, 'Western Europe'), (3, 'Nordics'), (4, 'South'), (5, 'Overseas');
create table countries (code varchar primary key, name varchar not null unique, region_id integer not null references regions(id), currency varchar not null);
insert into countries values
	('SK', 'Slovakia', 1, 'EUR'), ('CZ', 'Czechia', 1, 'CZK'), ('AT', 'Austria', 1, 'EUR'), ('DE', 'Germany', 1, 'EUR'), ('PL', 'Poland', 1, 'PLN'),
	('FR', 'France', 2, 'EUR'), ('NL', 'Netherlands', 2, 'EUR'), ('GB', 'United Kingdom', 2, 'GBP'), ('SE', 'Sweden', 3, 'SEK'), ('FI', 'Finland', 3, 'EUR'),
	('IT', 'Italy', 4, 'EUR'), ('ES', 'Spain', 4, 'EUR'), ('US', 'United States', 5, 'USD'), ('JP', 'Japan', 5, 'JPY'), ('BR', 'Brazil', 5, 'BRL');
create table categories (id integer primary key, name varchar not null, parent_id integer);
insert into categories values (1, 'Kitchen', null), (2, 'Coffee & tea', 1), (3, 'Knives', 1), (4, 'Garden', null), (5, 'Seeds', 4), (6, 'Tools', 4), (7, 'Books', null), (8, 'Łódź collection', 7);
create table products (
	id integer primary key, category_id integer not null references categories(id), name varchar not null, sku varchar not null unique,
	price decimal(10, 2) not null, weight_grams integer, tags varchar[], details json, discontinued boolean not null default false);
insert into products
select i, i % 8 + 1,
	['Moka pot', 'Teapot', 'Paring knife', 'Trowel', 'Tomato seeds', 'Pruning shears', 'Cookbook', 'Atlas', 'Grinder', 'Whetstone'][i % 10 + 1] || ' ' || (i // 10 + 1),
	printf('SKU-%05d', i), (((i * 7919) % 9000) + 199) / 100.0, case when i % 11 = 0 then null else (i * 37) % 4000 + 50 end,
	case when i % 4 = 0 then ['new', 'gift'] when i % 4 = 1 then ['sale'] else [] end,
	json_object('colour', ['red', 'blue', 'green', 'black'][i % 4 + 1], 'warranty_months', (i % 4) * 12), i % 29 = 0
from range(1, 241) t(i);
create table customers (
	id integer primary key, name varchar not null, email varchar not null, country varchar not null references countries(name), city varchar,
	birthday date, newsletter boolean not null, created_at timestamp not null);
insert into customers
with people as (
	select i, ['Mira', 'Tomáš', 'Zoë', 'Jürgen', 'Anna', 'Łukasz', 'Ines', 'Haruki', 'Élodie', 'Søren', 'Carla', 'John'][i % 12 + 1] as first,
		['Kováč', 'Novák', 'Müller', 'Rossi', 'García', 'Virtanen', 'O''Neill', 'Tanaka', 'Silva', 'de Vries'][(i * 7) % 10 + 1] as last
	from range(1, 2001) t(i))
select i, first || ' ' || last, lower(strip_accents(first)) || i || '@example.com',
	(select list(name order by code) from countries)[(i * 13) % 15 + 1], case when i % 17 = 0 then null else
	['Wien', 'São Paulo', 'Praha', 'Berlin', 'Madrid', 'Helsinki', 'Paris', 'London', 'Roma', '東京', 'Amsterdam', 'Warszawa', 'Stockholm', 'Bratislava', 'Boston'][(i * 13) % 15 + 1] end,
	case when i % 9 = 0 then null else date '1950-01-01' + ((i * 9973) % 20000)::integer end, i % 3 = 0,
	timestamp '2023-01-01' + to_minutes((i * 7907) % 1500000)
from people;
create table orders (
	id integer primary key, customer_id integer not null references customers(id), status varchar not null, total decimal(12, 2) not null,
	note varchar, ordered_at timestamp not null, shipped_on date);
insert into orders
select i, (i * 31) % 2000 + 1, ['paid', 'paid', 'paid', 'shipped', 'shipped', 'cancelled', 'returned'][i % 7 + 1], (((i * 104729) % 48000) + 550) / 100.0,
	case when i % 23 = 0 then 'Leave with the neighbour' when i % 41 = 0 then '' else null end,
	timestamp '2024-01-01' + to_minutes((i * 6007) % 1500000),
	case when i % 7 in (3, 4) then date '2024-01-02' + ((i * 6007) % 1500000 // 1440)::integer end
from range(1, 12001) t(i);
create table order_items (
	order_id integer not null references orders(id), line integer not null, product_id integer not null references products(id), quantity integer not null,
	price decimal(10, 2) not null, primary key (order_id, line));
insert into order_items
select o.id, l.line, (o.id * 17 + l.line * 53) % 240 + 1, (o.id + l.line) % 4 + 1, p.price
from orders o, range(1, 4) l(line), products p
where l.line <= o.id % 3 + 1 and p.id = (o.id * 17 + l.line * 53) % 240 + 1;
create table web_events (
	id bigint primary key, customer_id integer references customers(id), kind varchar not null, page varchar not null, took_ms double, happened_at timestamp with time zone not null);
insert into web_events
select i, case when i % 5 = 0 then null else (i * 29) % 2000 + 1 end, ['view', 'view', 'view', 'search', 'cart', 'checkout'][i % 6 + 1],
	['/', '/kitchen', '/garden', '/books', '/cart', '/search?q=moka'][(i * 11) % 6 + 1], case when i % 101 = 0 then null else ((i * 8191) % 90000) / 37.0 end,
	timestamptz '2025-10-01 00:00:00+00' + to_seconds((i * 613) % 31000000)
from range(1, 50001) t(i);
create view orders_by_month as
select date_trunc('month', o.ordered_at)::date as month, r.name as region, count(*) as orders, sum(o.total) as revenue
from orders o join customers c on c.id = o.customer_id join countries n on n.name = c.country join regions r on r.id = n.region_id
where o.status in ('paid', 'shipped')
group by all;
create view customer_lifetime_value as
select c.id as customer_id, c.name, count(o.id) as orders, coalesce(sum(o.total), 0) as lifetime_value, max(o.ordered_at) as last_order_at
from customers c left join orders o on o.customer_id = c.id and o.status <> 'cancelled'
group by all;
comment on table customers is 'People who bought, or signed up to';
comment on table orders is 'One row for each order; cancelled ones stay';
comment on table order_items is 'What was in an order, at the price of that day';
comment on table products is 'The catalogue; discontinued products stay for their orders';
comment on table web_events is 'What visitors did on the site; customer_id is null for people who were not signed in';
comment on view orders_by_month is 'Paid and shipped orders by month and region';
comment on view customer_lifetime_value is 'What each customer spent so far';
comment on column orders.status is 'paid, shipped, cancelled or returned';
comment on column orders.total is 'Gross, in EUR';
comment on column customers.country is 'Where parcels go, not where the customer was born';
comment on column products.tags is 'For campaigns; may be empty';
comment on column web_events.took_ms is 'Until the page was usable; null where the browser did not say'
