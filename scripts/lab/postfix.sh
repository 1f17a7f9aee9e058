# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Real Postfixes, apart from any Postfix of the host: the MX, and one that sends
# from the sender namespace. Configuration, queue, data, log and mail are all below LAB_DIR.

# postfix_start [ADDRESS…]: listens on these; by default on both addresses of the MX.
postfix_start()
{
  local etc="$LAB_DIR/postfix/etc" addresses="${*:-$MX4 $MX6}"
  mkdir -p "$etc" "$LAB_DIR/postfix/queue" "$LAB_DIR/postfix/data" "$LAB_DIR/mail"
  sed -e "s|@LAB@|$LAB_DIR|g" -e "s|@ADDRESSES@|$addresses|" \
    -e "s|@UID@|$(id -u nobody)|" -e "s|@GID@|$(id -g nobody)|" \
    "$LAB_SOURCE/postfix/main.cf.in" >"$etc/main.cf"
  cp "$LAB_SOURCE/postfix/master.cf" "$etc/"
  chown postfix "$LAB_DIR/postfix/data"
  chown nobody "$LAB_DIR/mail"
  in_mx postfix -c "$etc" start >"$LAB_DIR/postfix.out" 2>&1 ||
    lab_die "Postfix does not start: $(cat "$LAB_DIR/postfix.out" "$LAB_DIR/mail.log")"
  wait_for 10 in_mx bash -c "echo QUIT >/dev/tcp/$MX4/25" || lab_die "Postfix does not listen"
}

# sending_postfix_start ADDRESS6 ADDRESS4: takes mail on 127.0.0.1 of the sender namespace and sends
# it from these addresses to mx.example, which has an AAAA and an A record; IPv6 is tried first.
sending_postfix_start()
{
  local etc="$LAB_DIR/sending/etc"
  mkdir -p "$etc" "$LAB_DIR/sending/queue" "$LAB_DIR/sending/data"
  sed -e "s|@LAB@|$LAB_DIR|g" -e "s|@FROM6@|$1|" -e "s|@FROM4@|$2|" \
    "$LAB_SOURCE/postfix/sending.cf.in" >"$etc/main.cf"
  cp "$LAB_SOURCE/postfix/master.cf" "$etc/"
  echo "smtp unix - - n - - smtp" >>"$etc/master.cf"
  chown postfix "$LAB_DIR/sending/data"
  printf '127.0.0.1 localhost\n%s mx.example\n%s mx.example\n' "$MX6" "$MX4" >"$LAB_DIR/hosts"
  # shellcheck disable=SC2016 # the variables are the inner shell's
  in_sender unshare --mount bash -c 'mount --bind "$1" /etc/hosts && postfix -c "$2" start' \
    bash "$LAB_DIR/hosts" "$etc" >"$LAB_DIR/postfix.out" 2>&1 ||
    lab_die "the sending Postfix does not start: $(cat "$LAB_DIR/postfix.out" "$LAB_DIR/sending.log")"
  wait_for 10 in_sender bash -c "echo QUIT >/dev/tcp/127.0.0.1/25" ||
    lab_die "the sending Postfix does not listen"
}

postfix_stop()
{
  postfix_stop_one postfix
  postfix_stop_one sending
}

postfix_stop_one()
{
  local pid_file="$LAB_DIR/$1/queue/pid/master.pid" pid
  [[ -s "$pid_file" ]] || return 0
  pid="$(tr -d ' ' <"$pid_file")"
  kill "$pid" 2>/dev/null
  wait_for 5 process_gone "$pid" || kill -9 "$pid"
}

# The client address of every connection that Postfix has seen, one a line.
postfix_clients()
{
  sed -n 's/.*smtpd\[[0-9]*\]: connect from unknown\[\(.*\)\]$/\1/p' "$LAB_DIR/mail.log"
}

# postfix_connections CLASS: how many of those were senders of this class.
postfix_connections() { postfix_clients | class_of | grep -cx "$1" || true; }

# mail_delivered CLASS: messages in the Maildir of the class.
mail_delivered()
{
  find "$LAB_DIR/mail/$1/new" -type f 2>/dev/null | wc -l
}
