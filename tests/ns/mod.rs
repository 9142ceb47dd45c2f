//! NS: what people, pages, phones and business applications do, on one pod.

mod accounts;
mod accusations;
mod authority;
mod browser;
mod devices;
mod element;
mod element_looks;
mod enrolment;
mod forms;
mod hostile;
mod idempotency;
mod isolation;
mod keys;
mod limits;
mod login;
mod methods;
mod page_http;
mod pages;
mod pairs;
mod people;
mod phases;
mod pods;
mod rest;
mod strangers;
