#!/usr/bin/perl
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs the tables of this folder through Monitoring::Plugin (Debian: libmonitoring-plugin-perl) and lists where it
# differs from ours, with the reason that the table gives. A difference without a reason fails, and so does a reason
# without a difference. That ours is what the tables say is proved by the unit tests.
#
#     usage: oracle_perl.pl [-q]      -q: only what fails, and the count
use strict;
use warnings;
use FindBin;

BEGIN {
    for my $module (qw(Range Threshold Performance Functions)) {
        next if eval "require Monitoring::Plugin::$module; 1";
        print "SKIP: Monitoring::Plugin::$module is missing (Debian: libmonitoring-plugin-perl)\n";
        exit 77;
    }
}

my $quiet = @ARGV && $ARGV[0] eq '-q';
my %count = (compared => 0, explained => 0, failed => 0);
my @names = qw(OK WARNING CRITICAL UNKNOWN);

sub read_table {
    my ($name, $columns) = @_;
    my @rows;
    open my $file, '<', "$FindBin::Bin/$name" or die "$name: $!\n";
    while (my $line = <$file>) {
        chomp $line;
        next if $line eq '' || $line =~ /^#/;
        my @row = split /\t/, $line, -1;
        die "$name line $.: not $columns columns\n" if @row != $columns;
        push @rows, \@row;
    }
    close $file;
    die "$name has no rows\n" if !@rows;
    return @rows;
}

# One comparison is done: $reason is the column of the table.
sub settle {
    my ($what, $input, $ours, $theirs, $reason) = @_;
    my $differs   = $ours ne $theirs;
    my $explained = $reason ne 'same';
    $count{compared}++;
    if ($differs && $explained) {
        $count{explained}++;
        print "$what $input: ours: $ours; theirs: $theirs: $reason\n" if !$quiet;
    }
    elsif ($differs) {
        $count{failed}++;
        print "FAIL: $what $input: a difference without a reason: ours: $ours; theirs: $theirs\n";
    }
    elsif ($explained) {
        $count{failed}++;
        print "FAIL: $what $input: both: $ours, but the table explains a difference: $reason\n";
    }
}

# A number in one form, whatever it was written like.
sub number { my ($text) = @_; return $text =~ /inf/i ? lc $text : sprintf '%.15g', $text + 0 }

sub describe {
    my ($start, $end, $inside) = @_;
    return ($inside ? '@' : '') . number($start) . '..' . number($end);
}

sub their_range {
    my ($text) = @_;
    local $SIG{__WARN__} = sub { };    # it carps about what it refuses
    return Monitoring::Plugin::Range->parse_range_string($text);
}

sub compare_ranges {
    for my $row (read_table('ranges.tsv', 12)) {
        my ($text, $unit, $result, $start, $end, $inside, $keeps, $alerts, undef, undef, $reason) = @$row;
        $text =~ s/^"(.*)"$/$1/ or die "ranges.tsv: $text is not in double quotes\n";
        my $range  = their_range($text);
        my $ours   = $result eq 'ok' ? describe($start, $end, $inside eq 'inside') : 'refused';
        my $theirs = 'refused';
        if (defined $range) {
            $theirs = describe($range->start_infinity ? '-inf' : $range->start,
                $range->end_infinity ? 'inf' : $range->end, $range->alert_on);
        }
        if (defined $range && $result eq 'ok') {
            for my $group ([ $keeps, 0 ], [ $alerts, 1 ]) {
                my ($list, $alert) = @$group;
                for my $value ($list eq '-' ? () : split /,/, $list) {
                    my $their = $range->check_range($value + 0) ? 1 : 0;
                    next if $their == $alert;
                    $ours   .= ", $value " . ($alert ? 'alerts' : 'is fine');
                    $theirs .= ", $value " . ($their ? 'alerts' : 'is fine');
                }
            }
        }
        settle('range', "\"$text\" ($unit)", $ours, $theirs, $reason);
    }
}

sub compare_thresholds {
    for my $row (read_table('thresholds.tsv', 6)) {
        my ($warning, $critical, $value, $state, $reason) = @$row;
        my $threshold = Monitoring::Plugin::Threshold->set_thresholds(
            warning  => $warning eq '-'  ? undef : $warning,
            critical => $critical eq '-' ? undef : $critical);
        settle('threshold', "$warning $critical with $value",
            $state, $names[ $threshold->get_status($value + 0) ], $reason);
    }
}

sub compare_states {
    my %code = map { $names[$_] => $_ } 0 .. $#names;
    for my $row (read_table('states.tsv', 5)) {
        my ($a, $b, $worst, $max, $alt) = @$row;
        my @codes = ($code{$a}, $code{$b});
        settle('max_state', "of $a and $b", $worst,
            $names[ Monitoring::Plugin::Functions::max_state(@codes) ], $max);
        settle('max_state_alt', "of $a and $b", $worst,
            $names[ Monitoring::Plugin::Functions::max_state_alt(@codes) ], $alt);
    }
}

sub describe_datum {
    my ($label, $value, $unit, @fields) = @_;
    # a range keeps its text, a number its value; what is not there is the same as what is empty
    my @texts = map { !defined $_ || $_ eq '' || $_ eq '-' ? '' : /[:@~]/ ? $_ : number($_) } @fields;
    return join ';', "$label=" . number($value) . $unit, @texts;
}

# Each datum as ours writes it, and all of them in one line as they stand in an output.
sub compare_perfdata {
    my %letter = (none => '', seconds => 's', bytes => 'B', percent => '%', counter => 'c');
    my @rows   = read_table('perfdata.tsv', 10);
    my @whole  = Monitoring::Plugin::Performance->parse_perfstring(join ' ', map { $_->[7] } @rows);
    settle('perfdata', 'in one line', scalar @rows, scalar @whole, 'same');
    for my $i (0 .. $#rows) {
        my ($label, $unit, $value, $warning, $critical, $min, $max, $text, $reason) = @{ $rows[$i] };
        # ours writes six decimals, and a range from 0 as its end
        my $ours = describe_datum($label, sprintf('%.6f', $value), $letter{$unit},
            map { s/^(@?)0:(.)/$1$2/r } $warning, $critical, $min, $max);
        my @alone = Monitoring::Plugin::Performance->parse_perfstring($text);
        for my $their ($alone[0], $whole[$i]) {
            settle('perfdata', $text, $ours,
                defined $their
                ? describe_datum(map { $their->$_ } qw(label value uom warning critical min max))
                : 'refused', $reason);
        }
    }
}

compare_ranges();
compare_thresholds();
compare_states();
compare_perfdata();
print "$count{compared} compared, $count{explained} differences with a reason, $count{failed} failed\n";
exit($count{failed} == 0 && $count{compared} > 200 ? 0 : 1);
